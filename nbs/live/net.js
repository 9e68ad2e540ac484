// The forward pass of a small network, one row at a time. A network is a list of layers, as `ganad.live.layers` writes it:
// weights are whole numbers of 16 bits in base64, times `unit`; batch norm and spectral norm are already folded into them.
(() => {
  const L = window.ganadLive, net = L.net = {}
  net.bytes = b64 => Uint8Array.from(atob(b64), c => c.charCodeAt(0))
  net.steps = (b64, unit) => Float32Array.from(new Int16Array(net.bytes(b64).buffer), v => v*unit)
  net.floats = b64 => new Float32Array(net.bytes(b64).buffer)

  // x → y; `x` is {v: values in rows, shape: [n] or [c,h,w]}
  const OPS = {
    linear({w, b, shape: [o, i]}, x) {
      const y = new Float32Array(o)
      for (let r = 0; r < o; r++) { let s = b[r]; for (let k = 0; k < i; k++) s += w[r*i + k]*x.v[k]; y[r] = s }
      return {v: y, shape: [o]}
    },
    conv({w, b, shape: [o, i, k], stride, pad}, {v, shape: [, h, wd]}) {
      const H = Math.floor((h + 2*pad - k)/stride) + 1, W = Math.floor((wd + 2*pad - k)/stride) + 1, y = new Float32Array(o*H*W)
      for (let c = 0; c < o; c++) for (let r = 0; r < H; r++) for (let q = 0; q < W; q++) {
        let s = b[c]
        for (let d = 0; d < i; d++) for (let a = 0; a < k; a++) {
          const row = r*stride + a - pad
          if (row < 0 || row >= h) continue
          for (let e = 0; e < k; e++) {
            const col = q*stride + e - pad
            if (col >= 0 && col < wd) s += w[((c*i + d)*k + a)*k + e]*v[(d*h + row)*wd + col]
          }
        }
        y[(c*H + r)*W + q] = s
      }
      return {v: y, shape: [o, H, W]}
    },
    deconv({w, b, shape: [i, o, k], stride, pad}, {v, shape: [, h, wd]}) {
      const H = (h - 1)*stride - 2*pad + k, W = (wd - 1)*stride - 2*pad + k, y = new Float64Array(o*H*W)
      for (let c = 0; c < o; c++) y.fill(b[c], c*H*W, (c + 1)*H*W)
      for (let d = 0; d < i; d++) for (let r = 0; r < h; r++) for (let q = 0; q < wd; q++) {
        const s = v[(d*h + r)*wd + q]
        if (s) for (let c = 0; c < o; c++) for (let a = 0; a < k; a++) {
          const row = r*stride + a - pad
          if (row < 0 || row >= H) continue
          for (let e = 0; e < k; e++) {
            const col = q*stride + e - pad
            if (col >= 0 && col < W) y[(c*H + row)*W + col] += s*w[((d*o + c)*k + a)*k + e]
          }
        }
      }
      return {v: Float32Array.from(y), shape: [o, H, W]}
    },
    leaky({slope}, {v, shape}) { return {v: v.map(a => a < 0 ? slope*a : a), shape} },
    tanh(_, {v, shape}) { return {v: v.map(Math.tanh), shape} },
    shape({shape}, {v}) { return {v, shape: shape.length ? shape : [v.length]} },
  }
  // Layers as they were sent → a function of one row
  net.read = layers => {
    const own = layers.map(l => ({...l, ...(l.w && {w: net.steps(l.w, l.unit), b: net.floats(l.b)})}))
    return (v, shape = [v.length]) => own.reduce((x, l) => OPS[l.op](l, x), {v, shape}).v
  }
  const cat = (...vs) => { const out = new Float32Array(vs.reduce((n, v) => n + v.length, 0)); let at = 0; for (const v of vs) { out.set(v, at); at += v.length } return out }
  // A critic's features: rows of `shape` side by side in the channels, then codes
  net.features = ({fx, fz, joint}, [c, h, w]) => {
    const [f, g, j] = [fx, fz, joint].map(p => p && net.read(p))
    return (xs, zs = []) => {
      const parts = []
      if (f) parts.push(f(cat(...xs), [xs.length*c, h, w]))
      if (g) parts.push(g(cat(...zs)))
      return j(cat(...parts))
    }
  }
  const l1 = (a, b) => { let s = 0; for (let i = 0; i < a.length; i++) s += Math.abs(a[i] - b[i]); return s }
  // Each detector's reconstruction and score of a row, as its `score_batch` has it
  net.DETECTORS = {
    EGBAD(m, shape) {
      const E = net.read(m.E), G = net.read(m.G), D = net.features(m.D, shape)
      return x => { const z = E(x, shape), xr = G(z); return {xr, score: m.alpha*l1(x, xr) + (1 - m.alpha)*l1(D([x], [z]), D([xr], [z]))} }
    },
    ALAD(m, shape) {
      const E = net.read(m.E), G = net.read(m.G), D = net.features(m.Dxx, shape)
      return x => { const xr = G(E(x, shape)); return {xr, score: l1(D([x, x]), D([x, xr]))} }
    },
    GANomaly(m, shape) {
      const E = net.read(m.E), G = net.read(m.G), E2 = net.read(m.E2)
      return x => { const z = E(x, shape), xr = G(z), zr = E2(xr, shape); return {xr, score: z.reduce((s, a, i) => s + (a - zr[i])**2, 0)/z.length} }
    },
  }
})()
