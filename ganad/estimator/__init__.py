"Every method as a scikit-learn outlier detector"
from . import estimator as _estimator
from .estimator import *

def __getattr__(name): return getattr(_estimator, name)      # ALADDetector and the like, made when asked for
