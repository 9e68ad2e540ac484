"Each mutant repeats a defect of a public implementation; the promise that it breaks must kill it"
import numpy as np
import torch
from torch import nn
from ganad.detector import adam, update
from ganad.losses import fake_loss, hinge_fake, hinge_gen, hinge_real, l1, real_loss
from ganad.models.bigan import BiGAN
from ganad.models.gan import GAN
from ganad.models.imbalance import Classifier, TwoDiscriminators

# The defect in the first line of each docstring; `breaks` names the promise that must catch it.


class TwoScoresARow(BiGAN):
    "A score for each pixel instead of each row"
    breaks = 'one_finite_score_a_row'
    def score_batch(self, x): return (x - self.rec_batch(x)).abs().flatten(1)


class LogOfProbability(BiGAN):
    "log(1 - sigmoid(l)): minus infinity as soon as the critic is sure (sigmoid at the end of the network)"
    breaks = 'one_finite_score_a_row'
    def score_batch(self, x): return -torch.log(1 - torch.sigmoid(1e3*(1 + self.D(x, self.E(x)).abs())))


class Upside(BiGAN):
    "The sign of ALAD's printed logits score: normal rows score higher"
    breaks = 'higher_is_more_anomalous'
    def score_batch(self, x): return -super().score_batch(x)


class HelpsTheCritic(BiGAN):
    "Generator and encoder descend the critic's own loss: all losses fall, nothing is learned"
    breaks = 'higher_is_more_anomalous'
    def ge_loss(self, x, z): return real_loss(self.D(x, self.E(x))) + fake_loss(self.D(self.G(z), z))


class CriticUpsideDown(BiGAN):
    "The critic's labels are swapped, so both players pull the same way"
    breaks = 'higher_is_more_anomalous'
    def d_loss(self, x, z):
        return fake_loss(self.D(x, self.E(x).detach())) + real_loss(self.D(self.G(z).detach(), z))


class ForgetsItsTraining(BiGAN):
    "The weights of the beginning are put back when the training ends"
    breaks = 'higher_is_more_anomalous'
    def fit(self, x, epochs=20, **kw):
        before = {name: value.clone() for name, value in self.state_dict().items()}
        super().fit(x, epochs=epochs, **kw).load_state_dict(before)
        return self


class BatchScaled(BiGAN):
    "Scores divided by the norm of their batch (survey toolbox)"
    breaks = 'needs_no_other_row'
    def score_batch(self, x):
        s = super().score_batch(x)
        return s/s.norm()


class SharedLatent(BiGAN):
    "One latent code for the whole batch"
    breaks = 'needs_no_other_row'
    def score_batch(self, x): return l1(x, self.G(self.E(x[:1]).expand(len(x), -1)))


class NormInTrainMode(BiGAN):
    "Batch statistics at scoring time (authors' GANomaly never calls eval)"
    breaks = 'needs_no_other_row'
    def score_batch(self, x):
        s = super().score_batch(x)
        if len(s)==1: return s*0
        return nn.functional.batch_norm(s[:, None], None, None, training=True)[:, 0]


class DropoutOn(BiGAN):
    "Dropout still on when scoring (one library's ALAD)"
    breaks = 'scoring_changes_nothing'
    def score_batch(self, x): return super().score_batch(nn.functional.dropout(x, .2, training=True))


class TrainsWhenScoring(BiGAN):
    "The search at scoring time also updates the generator (one library's AnoGAN)"
    breaks = 'scoring_changes_nothing'
    def score_batch(self, x):
        self.G[0].weight.data.mul_(.999)
        return super().score_batch(x)


class LeftInEval(BiGAN):
    "Scoring switches the mode and does not switch it back"
    breaks = 'scoring_changes_nothing'
    def score(self, x, bs=512):
        self.eval()
        return super().score(x, bs)


class ScaledByFirstCall(BiGAN):
    "Minimum and maximum taken from the rows that are scored first (authors' GANomaly: from the test set)"
    breaks = 'fit_decides_all'
    lowest = None
    def score(self, x, bs=512):
        s = super().score(x, bs)
        if self.lowest is None: self.lowest, self.highest = s.min(), s.max()
        return (s - self.lowest)/(self.highest - self.lowest)


class PicksEpochOnTest(BiGAN):
    "A fit that is given the test rows and their labels"
    breaks = 'fit_decides_all'
    def fit(self, x, x_test=None, y_test=None, epochs=20, **kw):
        return super().fit(x, epochs=epochs, **kw)


class OneBatchEpoch(BiGAN):
    "An 'epoch' that is a single mini-batch"
    breaks = 'an_epoch_is_every_row_once'
    def fit(self, x, epochs=20, bs=64, **kw):
        for _ in range(epochs):
            batch = x[torch.randperm(len(x))[:bs]]
            super().fit(batch, epochs=1, bs=bs, **kw)
        return self


class WithReplacement(BiGAN):
    "Batches drawn with replacement: some rows twice, others never"
    breaks = 'an_epoch_is_every_row_once'
    def fit(self, x, epochs=20, **kw):
        drawn = torch.randint(len(x), (len(x),))
        return super().fit(x[drawn], epochs=epochs, **kw)


class Unseeded(BiGAN):
    "Latent codes from a generator that nobody seeded"
    breaks = 'same_seed_same_scores'
    def step(self, x):
        unseeded = torch.Generator()
        unseeded.seed()
        z = torch.randn(len(x), self.nz, generator=unseeded)
        return dict(d=update(self.opt_d, self.d_loss(x, z)), ge=update(self.opt_ge, self.ge_loss(x, z)))


class StaleCasts(BiGAN):
    "One autocast around the whole training: the casts of the first weights serve all steps"
    breaks = 'a_step_changes_the_next_forward'
    def fit(self, x, epochs=20, **kw):
        with self.block(): return super().fit(x, epochs=epochs, **kw)
    def step(self, x):
        with self.block(): return super().step(x)
    def block(self): return torch.autocast('cpu', torch.bfloat16, cache_enabled=True)


class ForgottenEncoder(BiGAN):
    "An encoder that is in no optimiser (survey toolbox's GANomaly)"
    breaks = 'every_weight_learns'
    def __init__(self, shape, **kw):
        super().__init__(shape, **kw)
        self.opt_ge = adam(self.G, lr=1e-3)


class DetachedLoss(BiGAN):
    "A term turned into a number: no gradient reaches the encoder (patch and boundary losses of two versions)"
    breaks = 'every_weight_learns'
    def ge_loss(self, x, z): return real_loss(self.D(self.G(z), z)) + fake_loss(self.D(x, self.E(x))).item()


class GeneratorStopsEarly(GAN):
    "The generator stops after the first epoch (one library's SO-GAAL: a setting is above its third)"
    breaks = 'every_weight_learns'
    last_step = 1
    def fit(self, x, epochs=20, bs=64, **kw):
        self.last_step = -(-len(x)//bs)
        return super().fit(x, epochs=epochs, bs=bs, **kw)
    def step(self, x):
        d = update(self.opt_d, self.d_loss(x, self.noise(x)))
        g_loss = self.g_loss(self.noise(x))
        is_over = len(self.history.get('g', []))>=self.last_step
        return dict(d=d, g=g_loss.item() if is_over else update(self.opt_g, g_loss))


class CriticTrainsGenerator(BiGAN):
    "The critic's optimiser holds the generator too"
    breaks = 'each_loss_moves_its_player'
    def __init__(self, shape, **kw):
        super().__init__(shape, **kw)
        self.opt_d = adam(self.D, self.G, lr=1e-3)


class LossWithoutPlayer(GAN):
    "A loss is reported that no optimiser descends"
    breaks = 'each_loss_moves_its_player'
    def step(self, x): return dict(super().step(x), enc=0.)


class Leak(GAN):
    "The commonest GAN bug: plain `backward()`, so the generator's loss also leaves gradients in the critic"
    breaks = 'each_loss_moves_its_player'
    def step(self, x):
        z = self.noise(x)
        d = self.descend(self.opt_d, self.d_loss(x, z))
        g = self.descend(self.opt_g, self.g_loss(z))
        return dict(d=d, g=g)
    def descend(self, opt, loss):
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss.item()


class SwappedNames(GAN):
    "The losses are reported under each other's names"
    breaks = 'each_loss_moves_its_player'
    def step(self, x):
        d, g = super().step(x).values()
        return dict(g=d, d=g)


class IgnoresEpochs(GAN):
    "One epoch, whatever was asked for"
    breaks = 'an_epoch_is_every_row_once'
    def fit(self, x, epochs=20, **kw): return super().fit(x, epochs=1, **kw)


class SeedsNumpy(GAN):
    "Scoring seeds NumPy's global generator"
    breaks = 'scoring_changes_nothing'
    def score_batch(self, x):
        np.random.seed(1)
        return super().score_batch(x)


class Cycle(BiGAN):
    "Not a mutant: BiGAN with a critic on (x, G(E(x))), right"
    def __init__(self, shape, **kw):
        super().__init__(shape, **kw)
        both = nn.Sequential(nn.Flatten(), nn.LazyLinear(32), nn.LeakyReLU(.2))
        self.Dxx = type(self.D)(2, both, None, nn.Identity(), nn.Linear(32, 1))
        self.Dxx(*torch.zeros(2, 1, *self.shape))                           # now the lazy layer has its size
        self.opt_xx = adam(self.Dxx, lr=1e-3)
    def partner(self, x): return self.rec_batch(x)
    def step(self, x):
        with torch.no_grad(): xr = self.partner(x)
        loss = real_loss(self.Dxx(x, x)) + fake_loss(self.Dxx(x, xr))
        return dict(super().step(x), xx=update(self.opt_xx, loss))


class Hinge(GAN):
    "Not a mutant: a GAN with hinge losses, right; inside the margins its critic's last bias has no gradient"
    def d_loss(self, x, z): return hinge_real(self.D(x)) + hinge_fake(self.D(self.G(z).detach()))
    def g_loss(self, z): return hinge_gen(self.D(self.G(z)))


class HingeIdle(Hinge):
    "The same, and the critic has a layer that nothing passes through: it never learns"
    breaks = 'every_weight_learns'
    def __init__(self, shape, **kw):
        super().__init__(shape, **kw)
        self.D.idle = nn.Linear(3, 3)
        self.opt_d = adam(self.D, lr=1e-3)


class CycleOfAnother(Cycle):
    "The cycle critic sees (x, G(z)) with a random z (one library's ALAD)"
    breaks = 'a_cycle_critic_sees_its_own_row'
    def partner(self, x): return self.G(torch.randn(len(x), self.nz))


class CycleShifted(Cycle):
    "The reconstructions are those of the row before"
    breaks = 'a_cycle_critic_sees_its_own_row'
    def partner(self, x): return self.rec_batch(x.roll(1, 0))


class LastLatent(GAN):
    "AnoGAN without a search: every row is compared with one generated row"
    breaks = 'each_row_has_its_own_reconstruction'
    def rec_batch(self, x): return self.G(torch.zeros(1, self.nz)).expand_as(x)
    def score_batch(self, x): return l1(x, self.rec_batch(x))


class NotSaved(BiGAN):
    "A number that the score needs and that is not saved with the weights"
    breaks = 'saves_and_loads'
    scale = 1.
    def fit(self, x, epochs=20, **kw):
        super().fit(x, epochs=epochs, **kw)
        self.scale = 7.
        return self
    def score_batch(self, x): return self.scale*super().score_batch(x)


class BoundaryUpsideDown(TwoDiscriminators):
    "The boundary's sign: the generator is rewarded for bringing known anomalies back"
    breaks = 'higher_is_more_anomalous'
    def __init__(self, shape, w_abc=3., **kw): super().__init__(shape, w_abc=w_abc, **kw)   # its parent: 1.0
    def g_odd(self, a, r): return -super().g_odd(a, r)


class KindsSwapped(TwoDiscriminators):
    "Anomalies are trained as normal rows, normal rows as anomalies"
    breaks = 'higher_is_more_anomalous'
    def pair(self, x): return super().pair(x)[::-1]


class LabelsSwapped(Classifier):
    "Normal rows are class 1 (KDD99's labels, taken as they are)"
    breaks = 'higher_is_more_anomalous'
    def pair(self, x): return super().pair(x)[::-1]


class KnownAreRowsToo(TwoDiscriminators):
    "The known anomalies also stand among the normal rows"
    breaks = 'an_epoch_is_every_row_once'
    def fit(self, x, known=None, **kw): return super().fit(torch.cat([x, known]), known, **kw)


class UnseededKnown(TwoDiscriminators):
    "Known anomalies drawn by a generator that nobody seeded"
    breaks = 'same_seed_same_scores'
    def pair(self, x):
        unseeded = torch.Generator()
        unseeded.seed()
        drawn = torch.randint(len(self.known), (len(x),), generator=unseeded)
        return x, self.known[drawn]


class DeadCritic(TwoDiscriminators):
    "A ReLU at the end of a critic, and nothing positive before it: its loss is 1.000, epoch after epoch"
    breaks = 'every_weight_learns'
    def __init__(self, shape, **kw):
        super().__init__(shape, **kw)
        class Dead(type(self.Dn)):
            def forward(self, *inputs): return (super().forward(*inputs) - 100).relu()
        self.Dn.__class__ = Dead


class KnownAtScoring(TwoDiscriminators):
    "Known anomalies, which no file holds, are asked again when a row is scored"
    breaks = 'saves_and_loads'
    known = None
    def score_batch(self, x):
        s = super().score_batch(x)
        return s if self.known is None else s - super().score_batch(self.known).mean()


MUTANTS = [value for value in dict(vars()).values() if isinstance(value, type) and 'breaks' in vars(value)]
