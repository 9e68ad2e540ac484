// A GAN of two small networks with its gradients by hand: the same layers, losses and steps as `ganad.models.gan.GAN(2)`.
(() => {
  const L = window.ganadLive, toy = L.toy = {}

  // out[r,c] += Σ_t p[r*pr + t*pt] q[c*qc + t*qt] for R×C places and T terms. Squares of 4×4 places go together: eight numbers are
  // read for sixteen products, which is most of what training costs.
  function addProducts(out, R, C, T, p, pr, pt, q, qc, qt) {
    const bigR = R - R % 4, bigC = C - C % 4
    for (let r = 0; r < bigR; r += 4) for (let c = 0; c < bigC; c += 4) {
      let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0, c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0
      for (let t = 0, i = r*pr, j = c*qc; t < T; t++, i += pt, j += qt) {
        const p0 = p[i], p1 = p[i + pr], p2 = p[i + 2*pr], p3 = p[i + 3*pr], q0 = q[j], q1 = q[j + qc], q2 = q[j + 2*qc], q3 = q[j + 3*qc]
        a0 += p0*q0; a1 += p0*q1; a2 += p0*q2; a3 += p0*q3
        b0 += p1*q0; b1 += p1*q1; b2 += p1*q2; b3 += p1*q3
        c0 += p2*q0; c1 += p2*q1; c2 += p2*q2; c3 += p2*q3
        d0 += p3*q0; d1 += p3*q1; d2 += p3*q2; d3 += p3*q3
      }
      let at = r*C + c
      out[at] += a0; out[at + 1] += a1; out[at + 2] += a2; out[at + 3] += a3; at += C
      out[at] += b0; out[at + 1] += b1; out[at + 2] += b2; out[at + 3] += b3; at += C
      out[at] += c0; out[at + 1] += c1; out[at + 2] += c2; out[at + 3] += c3; at += C
      out[at] += d0; out[at + 1] += d1; out[at + 2] += d2; out[at + 3] += d3
    }
    for (let r = 0; r < R; r++) for (let c = r < bigR ? bigC : 0; c < C; c++) {      // what is left at the edges
      let s = 0
      for (let t = 0; t < T; t++) s += p[r*pr + t*pt]*q[c*qc + t*qt]
      out[r*C + c] += s
    }
  }

  class Linear {                                           // y = W x + b for n rows
    constructor(i, o, rng) {
      const a = Math.sqrt(6/(i + o))                       // Xavier, as ganad.networks.mlp
      Object.assign(this, {i, o, w: Float64Array.from({length: i*o}, () => a*(2*rng.u() - 1)), b: new Float64Array(o)})
      this.params = [this.w, this.b]
      this.grads = this.params.map(p => new Float64Array(p.length))
    }
    forward(x, n) {
      const {i, o, w, b} = this, y = new Float64Array(n*o)
      for (let r = 0; r < n; r++) y.set(b, r*o)
      addProducts(y, n, o, i, x, i, 1, w, i, 1)            // y += x wᵀ
      this.x = x
      return y
    }
    backward(dy, n, learns) {                              // adds to the gradients if it `learns`; returns dL/dx
      const {i, o, w, x, grads: [gw, gb]} = this, dx = new Float64Array(n*i)
      addProducts(dx, n, i, o, dy, o, 1, w, 1, i)          // dx += dy w
      if (!learns) return dx
      for (let at = 0; at < n*o; at++) gb[at % o] += dy[at]
      addProducts(gw, o, i, n, dy, 1, o, x, 1, i)          // gw += dyᵀ x
      return dx
    }
  }

  class Leaky {                                            // leaky ReLU
    params = []; grads = []
    forward(x) {
      const y = new Float64Array(x.length)
      for (let k = 0; k < x.length; k++) y[k] = x[k] < 0 ? .2*x[k] : x[k]
      this.x = x
      return y
    }
    backward(dy) {
      const {x} = this, dx = new Float64Array(dy.length)
      for (let k = 0; k < dy.length; k++) dx[k] = x[k] < 0 ? .2*dy[k] : dy[k]
      return dx
    }
  }

  class Net {                                              // linear layers with leaky ReLU between them
    constructor(sizes, rng) {
      this.layers = sizes.slice(1).flatMap((o, k) => [...(k ? [new Leaky()] : []), new Linear(sizes[k], o, rng)])
      this.params = this.layers.flatMap(l => l.params)
      this.grads = this.layers.flatMap(l => l.grads)
    }
    forward(x, n) { return this.layers.reduce((h, l) => l.forward(h, n), x) }
    backward(dy, n, learns = true) { return this.layers.reduceRight((d, l) => l.backward(d, n, learns), dy) }
    zero() { this.grads.forEach(g => g.fill(0)) }
  }

  class Adam {                                             // as torch.optim.Adam
    constructor(net, lr) { Object.assign(this, {net, lr, t: 0, m: net.params.map(p => p.map(() => 0)), v: net.params.map(p => p.map(() => 0))}) }
    step() {
      const {lr, m, v, net: {params, grads}} = this, b1 = .5, b2 = .999, t = ++this.t, c1 = 1 - b1**t, c2 = Math.sqrt(1 - b2**t)
      params.forEach((p, j) => {
        const gj = grads[j], mj = m[j], vj = v[j]
        for (let k = 0; k < p.length; k++) {
          const g = gj[k]
          mj[k] = b1*mj[k] + (1 - b1)*g
          vj[k] = b2*vj[k] + (1 - b2)*g*g
          p[k] -= lr/c1*mj[k]/(Math.sqrt(vj[k])/c2 + 1e-8)
        }
      })
    }
  }

  const softplus = v => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))), sigmoid = v => 1/(1 + Math.exp(-v))
  const mean = (v, f) => v.reduce((s, a) => s + f(a), 0)/v.length

  toy.GAN = class {
    constructor({seed = 0, nz = 16, nh = 64, lr = 1e-3, saturates = false} = {}) {
      this.saturates = saturates
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
    g_step(z) {                                            // (5): softplus(-D(G(z))), or with `saturates` (3): -softplus(D(G(z)));
      const n = z.length/this.nz, {G, D, saturates} = this  // the gradient comes through D, only G moves
      G.zero()
      const l = D.forward(G.forward(z, n), n)
      G.backward(D.backward(l.map(v => -sigmoid(saturates ? v : -v)/n), n, false), n)
      this.opt_g.step()
      return saturates ? -mean(l, softplus) : mean(l, v => softplus(-v))
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
