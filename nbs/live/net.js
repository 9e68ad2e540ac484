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
  // An image in [-1,1], blurred by a Gaussian of one pixel, then of length 6, black being 0: as `ganad.site.live._same_ink`
  net.sameInk = (x, side) => {
    const REACH = 3, raw = Array.from({length: 2*REACH + 1}, (_, i) => Math.exp(-((i - REACH)**2)/2)), sum = raw.reduce((s, v) => s + v)
    const kernel = raw.map(v => v/sum)
    const along = (v, step) => v.map((_, i) => {            // blurs in rows (step 1) or in columns (step `side`)
      const at = step === 1 ? i % side : Math.floor(i/side)
      let s = 0
      for (let d = -REACH; d <= REACH; d++) if (at + d >= 0 && at + d < side) s += kernel[d + REACH]*v[i + d*step]
      return s
    })
    const blurred = along(along(Float64Array.from(x, v => (v + 1)/2), side), 1)
    const length = Math.max(1e-6, Math.hypot(...blurred))
    return Float32Array.from(blurred, v => 2*Math.min(1, v*6/length) - 1)
  }
  // Each detector's reconstruction and score of a row, as its `score_batch` has it
  net.DETECTORS = {
    GANomaly(m, shape) {
      const E = net.read(m.E), G = net.read(m.G), E2 = net.read(m.E2)
      return x => { const z = E(x, shape), xr = G(z), zr = E2(xr, shape); return {xr, score: z.reduce((s, a, i) => s + (a - zr[i])**2, 0)/z.length} }
    },
    KNN(m) {                                               // `n` images as bytes; the nearest is what it knows of yours
      const rows = Float32Array.from(net.bytes(m.rows), v => v/127.5 - 1), size = rows.length/m.n
      return x => {
        let best = Infinity, at = 0
        for (let r = 0; r < m.n; r++) {
          let s = 0
          for (let i = 0; i < size; i++) s += (x[i] - rows[r*size + i])**2
          if (s < best) { best = s; at = r }
        }
        return {xr: rows.slice(at*size, (at + 1)*size), score: Math.sqrt(best)}
      }
    },
  }
})()
