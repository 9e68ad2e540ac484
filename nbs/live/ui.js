// What the demos share: elements, colours of the page's theme, canvases with a text alternative, images, axes.
(() => {
  const L = window.ganadLive, ui = L.ui = {}

  ui.el = (tag, props = {}, ...inside) => {
    const e = document.createElement(tag)
    for (const [k, v] of Object.entries(props)) k in e && k !== 'list' ? e[k] = v : e.setAttribute(k, v)
    e.append(...inside)
    return e
  }
  const {el} = ui
  let n = 0
  ui.field = (text, input, show = v => v) => {             // a label with its input; of a range also its value, as `show` writes it
    input.id ||= `gl-${++n}`
    const label = el('label', {htmlFor: input.id}, text), value = el('span', {className: 'gl-value', 'aria-hidden': 'true'})
    if (input.type !== 'range') return el('div', {className: 'gl-field'}, label, input)
    input.tell = () => { value.textContent = show(+input.value); input.setAttribute('aria-valuetext', value.textContent) }
    input.addEventListener('input', input.tell)
    input.tell()
    return el('div', {className: 'gl-field'}, el('span', {className: 'gl-top'}, label, value), input)
  }
  ui.set = (range, value) => { range.value = value; range.tell?.() }               // as if somebody had moved it, but nothing is called
  ui.range = (min, max, step, value, oninput) => el('input', {type: 'range', min, max, step, value, oninput})
  ui.select = (options, onchange) => el('select', {onchange}, ...Object.entries(options).map(([value, t]) => el('option', {value}, t)))
  ui.button = (text, onclick) => el('button', {type: 'button', onclick}, text)
  ui.row = (...inside) => el('div', {className: 'gl-row'}, ...inside)
  ui.say = () => el('p', {className: 'gl-say', 'aria-live': 'polite'})
  ui.key = (...pairs) => el('p', {className: 'gl-key'}, ...pairs.map(([c, t]) =>
    el('span', {}, el('i', {style: `background:${c}`, 'aria-hidden': 'true'}), t)))

  ui.NORMAL = '#0072B2'; ui.ANOMALOUS = '#D55E00'; ui.GENERATED = '#009E73'       // as in ganad.plots
  ui.CURVES = ['#7B4FC9', '#C2317A', '#00889C', '#9A6B00', '#5B6770']; ui.MUTED = '#7F7F7F'

  const rgb = c => (c.match(/[\d.]+/g) || [255, 255, 255]).map(Number)
  const light = c => { const [r, g, b, a = 1] = rgb(c); return a === 0 || .299*r + .587*g + .114*b > 128 }
  ui.theme = () => {
    const s = getComputedStyle(document.body), bright = light(s.backgroundColor)
    return {ink: s.color, bright, rgb: bright ? [255, 255, 255] : [27, 29, 31], faint: bright ? '#d5d9dd' : '#4a4f55'}
  }
  const drawers = new Set()
  let waiting
  const again = () => { clearTimeout(waiting); waiting = setTimeout(() => drawers.forEach(f => f()), 120) }
  for (const e of [document.documentElement, document.body])
    new MutationObserver(again).observe(e, {attributes: true, attributeFilter: ['class', 'data-scheme', 'data-bs-theme']})
  ui.onTheme = f => drawers.add(f)

  // A canvas of w×h CSS pixels at most, drawn at twice that; `draw(ctx, theme, w)` draws it, `label` says in words what it shows.
  // On a narrow screen it shrinks, or, if `wide`, is drawn again at the width that there is, so that its text stays readable.
  ui.canvas = (most, h, draw, label, wide) => {
    const c = el('canvas', {role: 'img', style: `max-width:${most}px` + (wide ? `;height:${h}px` : `;aspect-ratio:${most}/${h}`)}), ctx = c.getContext('2d')
    let w = most
    if (wide) new ResizeObserver(([e]) => { const now = Math.round(e.contentRect.width); if (now > 40 && now !== w) { w = now; c.redraw() } }).observe(c)
    c.redraw = () => {
      const t = ui.theme()
      if (c.width !== 2*w) { c.width = 2*w; c.height = 2*h }
      ctx.setTransform(2, 0, 0, 2, 0, 0)
      ctx.clearRect(0, 0, w, h)
      ctx.font = '12px system-ui, sans-serif'; ctx.lineWidth = 1; ctx.fillStyle = ctx.strokeStyle = t.ink
      draw(ctx, t, w)
      c.setAttribute('aria-label', label())
    }
    ui.onTheme(c.redraw)
    return c
  }

  // Drag on a canvas: `to(x, y, first)` in its own pixels, for mouse, pen and finger
  ui.drag = (c, to, done = () => {}) => {
    const at = (e, first) => {
      const r = c.getBoundingClientRect()
      to((e.clientX - r.left)/r.width*c.width/2, (e.clientY - r.top)/r.height*c.height/2, first)
    }
    c.addEventListener('pointerdown', e => { c.setPointerCapture(e.pointerId); c.dragging = true; at(e, true); e.preventDefault() })
    c.addEventListener('pointermove', e => { if (c.dragging) at(e, false) })
    for (const k of ['pointerup', 'pointercancel']) c.addEventListener(k, () => { if (c.dragging) { c.dragging = false; done() } })
  }

  const HEAT = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]]   // inferno
  ui.heat = v => {
    const s = Math.max(0, Math.min(1, v))*(HEAT.length - 1), i = Math.min(HEAT.length - 2, Math.floor(s)), f = s - i
    return HEAT[i].map((a, k) => Math.round(a + f*(HEAT[i+1][k] - a)))
  }
  ui.grey = v => { const g = Math.round(255*Math.max(0, Math.min(1, (v + 1)/2))); return [g, g, g] }
  const scratch = document.createElement('canvas')
  // The image `x` (one channel, in rows) with side `size` at (left, top); `colour` makes [r,g,b] of a value
  ui.image = (ctx, x, left, top, size, colour = ui.grey, smooth = false) => {
    const s = Math.round(Math.sqrt(x.length)), c = scratch.getContext('2d'), d = c.createImageData(s, s)
    x.forEach((v, i) => d.data.set([...colour(v), 255], 4*i))
    scratch.width = scratch.height = s
    c.putImageData(d, 0, 0)
    ctx.imageSmoothingEnabled = smooth
    ctx.drawImage(scratch, left, top, size, size)
  }

  // Axes in the box (l,t,w,h) for x in [x0,x1], y in [y0,y1]: functions from values to pixels
  ui.axes = (ctx, t, {l, t: top, w, h, x: [x0, x1], y: [y0, y1], xlabel, ylabel, xticks = [], yticks = [], show = v => v}) => {
    const X = v => l + w*(v - x0)/(x1 - x0), Y = v => top + h - h*(v - y0)/(y1 - y0)
    ctx.strokeStyle = t.faint
    ctx.strokeRect(l, top, w, h)
    ctx.fillStyle = t.ink
    ctx.textAlign = 'center'; ctx.textBaseline = 'top'
    for (const v of xticks) ctx.fillText(show(v), X(v), top + h + 4)
    if (xlabel) ctx.fillText(xlabel, l + w/2, top + h + 18)
    ctx.textAlign = 'right'; ctx.textBaseline = 'middle'
    for (const v of yticks) ctx.fillText(show(v), l - 4, Y(v))
    if (ylabel) { ctx.textAlign = 'left'; ctx.textBaseline = 'bottom'; ctx.fillText(ylabel, l, top - 4) }
    return {X, Y}
  }
  ui.line = (ctx, points, colour, width = 1.5, dash = []) => {
    ctx.beginPath(); points.forEach(([x, y], i) => i ? ctx.lineTo(x, y) : ctx.moveTo(x, y))
    ctx.strokeStyle = colour; ctx.lineWidth = width; ctx.setLineDash(dash); ctx.stroke(); ctx.setLineDash([]); ctx.lineWidth = 1
  }
  ui.dot = (ctx, x, y, r, colour, edge) => {
    ctx.beginPath(); ctx.arc(x, y, r, 0, 7); ctx.fillStyle = colour; ctx.fill()
    if (edge) { ctx.strokeStyle = edge; ctx.stroke() }
  }
  ui.fix = (v, n = 2) => Number(v).toFixed(n)
  ui.pct = v => v > 0 && v < .01 ? `${(100*v).toFixed(1)} %` : `${Math.round(100*v)} %`
  ui.ticks = (a, b, n = 4) => {                            // round numbers between a and b
    const raw = (b - a)/n, p = 10**Math.floor(Math.log10(raw)), s = [1, 2, 5, 10].find(k => k*p >= raw)*p, out = []
    for (let v = Math.ceil(a/s)*s; v <= b + 1e-9; v += s) out.push(+v.toPrecision(6))
    return out
  }

  // Numbers at random from a seed (mulberry32), uniform and normal (Box and Muller)
  ui.rng = seed => {
    const u = () => { let t = seed += 0x6D2B79F5; t = Math.imul(t ^ t >>> 15, t | 1); t ^= t + Math.imul(t ^ t >>> 7, t | 61); return ((t ^ t >>> 14) >>> 0)/4294967296 }
    return {u, n: () => Math.sqrt(-2*Math.log(1 - u()))*Math.cos(2*Math.PI*u())}
  }

  // Scores of normal (y=0) and anomalous (y=1) rows as bars in a box; returns X of the axes
  ui.histogram = (ctx, t, s, y, box, bins = 36) => {
    const [lo, hi] = box.x, count = [new Float64Array(bins), new Float64Array(bins)], of = [0, 0]
    s.forEach((v, i) => { count[y[i]][Math.max(0, Math.min(bins - 1, Math.floor((v - lo)/(hi - lo)*bins)))]++; of[y[i]]++ })
    const share = count.map((c, k) => c.map(v => v/Math.max(1, of[k]))), top = Math.max(...share[0], ...share[1])
    const {X} = ui.axes(ctx, t, {...box, y: [0, top*1.05], xticks: ui.ticks(lo, hi)}), bw = box.w/bins
    share.forEach((c, k) => { ctx.fillStyle = k ? ui.ANOMALOUS : ui.NORMAL; ctx.globalAlpha = t.bright ? .65 : .85
      c.forEach((v, i) => ctx.fillRect(box.l + i*bw, box.t + box.h*(1 - v/top/1.05), bw - .5, box.h*v/top/1.05)) })
    ctx.globalAlpha = 1
    return X
  }

  // Counts at a threshold: a score at or above it is called an anomaly
  ui.counts = (s, y, th) => {
    const c = {tp: 0, fp: 0, fn: 0, tn: 0}
    s.forEach((v, i) => c[v >= th ? (y[i] ? 'tp' : 'fp') : (y[i] ? 'fn' : 'tn')]++)
    return c
  }
  // A play button that calls `next` every `ms`, until it returns false
  ui.player = (next, ms, words = ['Play', 'Pause']) => {
    let timer
    const b = ui.button(words[0], () => b.play(!timer))
    b.play = on => {
      clearInterval(timer)
      b.playing = on
      timer = on ? setInterval(() => { if (!b.isConnected || next() === false) b.play(false) }, ms) : 0
      b.textContent = words[on ? 1 : 0]
      b.setAttribute('aria-pressed', on)
    }
    return b
  }
})()
