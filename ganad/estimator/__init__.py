"Every method as a scikit-learn outlier detector"
from ._explain import overlay
from ._fitted import FewRowsWarning
from ._modelfile import info
from ._preprocess import ConstantScoreWarning, NewValueWarning
from .estimator import Estimator, auroc_scorer, estimators, load, make

def __getattr__(name:str)->type[Estimator]:
    "ALADDetector and the like, made when asked for"
    made = {cls.__name__:cls for cls in estimators().values()} if name.endswith('Detector') else {}
    if name in made: return made[name]
    raise AttributeError(f"module 'ganad.estimator' has no attribute {name!r}")
