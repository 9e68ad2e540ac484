// A GAN of two small networks with its gradients by hand: the same layers, losses and steps as `ganad.models.gan.GAN(2)`.
(() => {
  const L = window.ganadLive, toy = L.toy = {}

  class Linear {                                           // y = W x + b for n rows
    constructor(i, o, rng) {
      const a = Math.sqrt(6/(i + o))                       // Xavier, as ganad.networks.mlp
      Object.assign(this, {i, o, w: Float64Array.from({length: i*o}, () => a*(2*rng.u() - 1)), b: new Float64Array(o)})
      this.params = [this.w, this.b]
      this.grads = this.params.map(p => new Float64Array(p.length))
    }
    forward(x, n) {
      const {i, o, w, b} = this, y = new Float64Array(n*o)
      for (let r = 0; r < n; r++) for (let c = 0; c < o; c++) {
        let s = b[c]
        for (let k = 0; k < i; k++) s += w[c*i + k]*x[r*i + k]
        y[r*o + c] = s
      }
      this.x = x
      return y
    }
    backward(dy, n) {                                      // adds to the gradients, returns dL/dx
      const {i, o, w, x, grads: [gw, gb]} = this, dx = new Float64Array(n*i)
      for (let r = 0; r < n; r++) for (let c = 0; c < o; c++) {
        const d = dy[r*o + c]
        gb[c] += d
        for (let k = 0; k < i; k++) { gw[c*i + k] += d*x[r*i + k]; dx[r*i + k] += d*w[c*i + k] }
      }
      return dx
    }
  }

  class Leaky {                                            // leaky ReLU
    params = []; grads = []
    forward(x) { this.x = x; return x.map(v => v < 0 ? .2*v : v) }
    backward(dy) { return dy.map((d, k) => this.x[k] < 0 ? .2*d : d) }
  }

  class Net {                                              // linear layers with leaky ReLU between them
    constructor(sizes, rng) {
      this.layers = sizes.slice(1).flatMap((o, k) => [...(k ? [new Leaky()] : []), new Linear(sizes[k], o, rng)])
      this.params = this.layers.flatMap(l => l.params)
      this.grads = this.layers.flatMap(l => l.grads)
    }
    forward(x, n) { return this.layers.reduce((h, l) => l.forward(h, n), x) }
    backward(dy, n) { return this.layers.reduceRight((d, l) => l.backward(d, n), dy) }
    zero() { this.grads.forEach(g => g.fill(0)) }
  }

  class Adam {                                             // as torch.optim.Adam
    constructor(net, lr) { Object.assign(this, {net, lr, t: 0, m: net.params.map(p => p.map(() => 0)), v: net.params.map(p => p.map(() => 0))}) }
    step() {
      const {lr, m, v, net: {params, grads}} = this, b1 = .5, b2 = .999, t = ++this.t, c1 = 1 - b1**t, c2 = Math.sqrt(1 - b2**t)
      params.forEach((p, j) => p.forEach((_, k) => {
        const g = grads[j][k]
        m[j][k] = b1*m[j][k] + (1 - b1)*g
        v[j][k] = b2*v[j][k] + (1 - b2)*g*g
        p[k] -= lr/c1*m[j][k]/(Math.sqrt(v[j][k])/c2 + 1e-8)
      }))
    }
  }

  const softplus = v => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))), sigmoid = v => 1/(1 + Math.exp(-v))
  const mean = (v, f) => v.reduce((s, a) => s + f(a), 0)/v.length

  toy.GAN = class {
    constructor({seed = 0, nz = 16, nh = 64, lr = 1e-3} = {}) {
      this.rng = L.ui.rng(seed)
      this.nz = nz
      this.G = new Net([nz, nh, nh, 2], this.rng)
      this.D = new Net([2, nh, nh, 1], this.rng)
      this.opt_g = new Adam(this.G, lr)
      this.opt_d = new Adam(this.D, lr)
    }
    noise(n) { return Float64Array.from({length: n*this.nz}, this.rng.n) }
    samples(z) { return this.G.forward(z, z.length/this.nz) }
    logits(x) { return this.D.forward(x, x.length/2) }
    d_step(x, z) {                                         // (4): softplus(-D(x)) + softplus(D(G(z))), G held still
      const n = x.length/2, {D} = this, fake = this.samples(z)
      D.zero()
      const real = D.forward(x, n)
      D.backward(real.map(l => -sigmoid(-l)/n), n)
      const false_ = D.forward(fake, n)
      D.backward(false_.map(l => sigmoid(l)/n), n)
      this.opt_d.step()
      return mean(real, l => softplus(-l)) + mean(false_, softplus)
    }
    g_step(z) {                                            // (5): softplus(-D(G(z))); the gradient comes through D, only G moves
      const n = z.length/this.nz, {G, D} = this
      G.zero()
      const l = D.forward(G.forward(z, n), n)
      G.backward(D.backward(l.map(v => -sigmoid(-v)/n), n), n)
      this.opt_g.step()
      return mean(l, v => softplus(-v))
    }
    step(x, k = 1, noise = () => this.noise(x.length/2)) {
      let d
      for (let j = 0; j < k; j++) d = this.d_step(x, noise())
      return {d, g: this.g_step(noise())}
    }
  }

  const MEANS = [[0, 0], [2, 2], [2, -2], [-2, 2], [-2, -2]]
  toy.MEANS = MEANS
  const rows = (n, one) => Float64Array.from(Array.from({length: n}, one).flat())
  toy.DATA = {                                             // as ganad.data.ring and gaussians: n rows, flat
    ring(n, rng) { return rows(n, () => { const a = 2*Math.PI*rng.u(), r = 2 + .1*rng.n(); return [r*Math.cos(a), r*Math.sin(a)] }) },
    gaussians(n, rng) { return rows(n, () => { const [a, b] = MEANS[Math.floor(5*rng.u())]; return [a + .2*rng.n(), b + .2*rng.n()] }) },
  }
})()
