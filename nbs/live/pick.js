// Draw or pick: a digit goes through three detectors; threshold and counts on the scores of real test rows.
ganadLive.demo('pick', box => {
  const {ui, net, data: {pick, scores: {digits}}} = ganadLive, {el} = ui, N = 32, names = Object.keys(pick.models), shape = pick.shape
  const detect = Object.fromEntries(names.map(k => [k, net.DETECTORS[k](pick.models[k], shape)]))
  const y = [...net.bytes(digits.y)], scores = {}, range = {}, th = {}
  for (const k of names) {
    scores[k] = [...net.floats(digits.methods[k].scores)]
    const sorted = [...scores[k]].sort((a, b) => a - b)
    range[k] = [sorted[0], sorted[Math.floor(.99*sorted.length)]]
    th[k] = digits.methods[k].start
  }
  let ink = new Float32Array(N*N), model = names[0], out = {}, pen = {x: 16, y: 6, down: false}, focus = false

  // What the models get: 8×8 means of 4×4 cells, as the digits of the data were made from bitmaps
  function seen() {
    let at = (r, c) => ink[r*N + c]
    if (fit.checked) {
      let t = N, b = -1, l = N, rr = -1
      ink.forEach((v, i) => { if (v > .1) { const r = Math.floor(i/N), c = i % N; t = Math.min(t, r); b = Math.max(b, r); l = Math.min(l, c); rr = Math.max(rr, c) } })
      if (b >= 0) {
        const side = Math.max(b - t + 1, rr - l + 1, 8), cy = (t + b + 1)/2, cx = (l + rr + 1)/2
        at = (r, c) => { const R = Math.floor(cy + (r + .5 - N/2)*side/N), C = Math.floor(cx + (c + .5 - N/2)*side/N); return R < 0 || C < 0 || R >= N || C >= N ? 0 : ink[R*N + C] }
      }
    }
    const x = new Float32Array(64)
    for (let r = 0; r < N; r++) for (let c = 0; c < N; c++) x[(r >> 2)*8 + (c >> 2)] += at(r, c)
    return x.map(v => Math.round(v)/8 - 1)
  }
  function dab(px, py) {
    for (let r = 0; r < N; r++) for (let c = 0; c < N; c++) if (Math.hypot(r + .5 - py, c + .5 - px) < (rub.checked ? 2.6 : 2)) ink[r*N + c] = rub.checked ? 0 : 1
  }
  let last, waiting
  function stroke(px, py, first) {
    const from = first || !last ? [px, py] : last, n = Math.ceil(Math.hypot(px - from[0], py - from[1])) || 1
    for (let i = 1; i <= n; i++) dab(from[0] + (px - from[0])*i/n, from[1] + (py - from[1])*i/n)
    last = [px, py]
    pad.redraw()
    waiting ||= requestAnimationFrame(run)                 // the models run once a frame, however fast the hand is
  }
  const pad = ui.canvas(256, 256, (ctx, t) => {
    ctx.fillStyle = '#000'; ctx.fillRect(0, 0, 256, 256)
    ui.image(ctx, ink.map(v => 2*v - 1), 0, 0, 256)
    if (focus) { ctx.strokeStyle = pen.down ? '#ffb000' : '#9ad'; ctx.lineWidth = 2; ctx.strokeRect(pen.x*8 - 12, pen.y*8 - 12, 24, 24) }
  }, () => 'Pad to draw a digit on, with mouse or finger; with keys: arrows move the pen, space puts it down or lifts it')
  pad.setAttribute('role', 'application'); pad.tabIndex = 0; pad.classList.add('gl-pad')
  ui.drag(pad, (px, py, first) => stroke(px/8, py/8, first), run)
  pad.addEventListener('focus', () => { focus = pad.matches(':focus-visible'); pad.redraw() })
  pad.addEventListener('blur', () => { focus = false; pad.redraw() })
  pad.addEventListener('keydown', e => {
    const go = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[e.key]
    if (e.key === ' ') { pen.down = !pen.down; last = undefined } else if (go) { pen.x = Math.max(1, Math.min(N - 1, pen.x + go[0])); pen.y = Math.max(1, Math.min(N - 1, pen.y + go[1])) } else return
    e.preventDefault()
    focus = true
    pen.down ? stroke(pen.x, pen.y, !last) : pad.redraw()
  })

  const check = (text, on, oninput) => { const c = el('input', {type: 'checkbox', checked: on, oninput}); c.id = `gl-c-${text.slice(0, 3)}`; return [c, el('span', {}, c, ' ', el('label', {htmlFor: c.id}, text))] }
  const [fit, fitRow] = check('make it fill the frame, as in the data', true, () => run()), [rub, rubRow] = check('rub out', false, () => {})
  const tile = (what, of, colour) => { const c = ui.canvas(112, 112, ctx => ui.image(ctx, of(), 0, 0, 112, colour), () => what); return [c, el('figure', {}, c, el('figcaption', {}, what))] }
  const views = [tile('what the models see', () => out.x), tile('reconstruction', () => out[model].xr),
                 tile('|difference|', () => out.x.map((v, i) => Math.abs(v - out[model].xr[i])), v => ui.heat(v/2))]
  const radios = el('fieldset', {className: 'gl-radios'}, el('legend', {}, 'Detector'), ...names.flatMap(k => {
    const r = el('input', {type: 'radio', name: 'gl-model', id: `gl-m-${k}`, checked: k === model, onchange: () => { model = k; draw() }})
    return [r, el('label', {htmlFor: r.id}, k)] }))
  const hist = ui.canvas(560, 190, (ctx, t, w) => {
    const X = ui.histogram(ctx, t, scores[model], y, {l: 10, t: 24, w: w - 20, h: 118, x: range[model], xlabel: 'score (share of rows of either kind, upwards)'})
    const [lo, hi] = range[model], line = X(th[model]), you = X(Math.max(lo, Math.min(hi, out[model].score)))
    ui.line(ctx, [[line, 20], [line, 142]], t.ink, 2, [5, 3])
    ctx.fillStyle = t.ink; ctx.textBaseline = 'bottom'; ctx.textAlign = line > w/2 ? 'right' : 'left'
    ctx.fillText('threshold', line + (line > w/2 ? -5 : 5), 36)
    ui.line(ctx, [[you, 16], [you, 142]], ui.CURVES[0], 3)
    ctx.textAlign = you > w/2 ? 'right' : 'left'; ctx.fillText(`yours${out[model].score > hi ? ' (beyond the axis)' : ''}`, you + (you > w/2 ? -4 : 4), 16)
  }, () => `Histogram of the scores of ${y.length} test rows. ${words()}`, true)
  hist.classList.add('gl-drag')
  const slide = ui.range(0, 1000, 1, 0, () => { const [lo, hi] = range[model]; th[model] = lo + (hi - lo)*slide.value/1000; draw() })
  ui.drag(hist, px => { const [lo, hi] = range[model]; th[model] = Math.max(lo, Math.min(hi, lo + (hi - lo)*(px - 10)/(hist.width/2 - 20))); draw() })
  const cell = () => el('td'), [tp, fn, fp, tn] = [cell(), cell(), cell(), cell()]
  const head = t => el('th', {scope: 'col'}, t), side = t => el('th', {scope: 'row'}, t)
  const table = el('table', {'aria-label': 'test rows at this threshold'},
    el('thead', {}, el('tr', {}, el('td', {}, ''), head('flagged'), head('passed'))),
    el('tbody', {}, el('tr', {}, side(`anomalous (${y.filter(v => v).length})`), tp, fn), el('tr', {}, side(`normal (${y.filter(v => !v).length})`), fp, tn)))
  const say = ui.say(), num = v => +v.toPrecision(3)
  function words() {
    const s = out[model].score, share = k => scores[model].filter((v, i) => y[i] === k && v < s).length/y.filter(v => v === k).length
    const others = names.filter(k => k !== model).map(k => `${k} says ${out[k].score >= th[k] ? 'anomaly' : 'normal'}`).join(', ')
    return `${model} gives yours ${num(s)}, ${s >= th[model] ? 'above' : 'below'} the threshold ${num(th[model])}: ${s >= th[model] ? 'an anomaly' : 'normal'}. ` +
      `It scores higher than ${ui.pct(share(0))} of the normal test rows and ${ui.pct(share(1))} of the anomalous ones. ${others}.`
  }
  function run() {
    cancelAnimationFrame(waiting)
    waiting = 0
    const x = seen()
    out = {x, ...Object.fromEntries(names.map(k => [k, detect[k](x)]))}
    draw()
  }
  function draw() {
    pad.redraw(); views.forEach(([c]) => c.redraw()); hist.redraw()
    const [lo, hi] = range[model], c = ui.counts(scores[model], y, th[model])
    slide.value = 1000*(th[model] - lo)/(hi - lo)
    tp.textContent = c.tp; fn.textContent = c.fn; fp.textContent = c.fp; tn.textContent = c.tn
    say.textContent = words() + ` On the test rows the threshold catches ${ui.pct(c.tp/(c.tp + c.fn))} of the anomalies and flags ${ui.pct(c.fp/(c.fp + c.tn))} of the normal rows.`
  }
  function take(x) {                                       // 64 values of 0 to 16
    fit.checked = false
    ink = Float32Array.from({length: N*N}, (_, i) => x[(Math.floor(i/N) >> 2)*8 + (i % N >> 2)]/16)
    run()
  }
  const picks = el('div', {className: 'gl-picks', role: 'group', 'aria-label': 'digits of the test set'}, ...pick.picks.map(p => {
    const x = net.bytes(p.x), c = ui.canvas(44, 44, ctx => ui.image(ctx, [...x].map(v => v/8 - 1), 0, 0, 44), () => `a ${p.name} of the test set`)
    c.redraw()
    return el('button', {type: 'button', title: `take this ${p.name}`, onclick: () => take(x)}, c) }))
  const clear = ui.button('Clear', () => { ink.fill(0); fit.checked = true; last = undefined; run() })
  const kinds = ui.key([ui.NORMAL, `normal: ${digits.normal}`], [ui.ANOMALOUS, 'anomalous: the other digits'], [ui.CURVES[0], 'yours'])
  box.append(
    el('p', {className: 'gl-note'}, `The models have seen nothing but the digit ${digits.normal}. Draw one, or another digit, or take one of the test set and draw on it.`),
    picks, ui.row(pad, el('div', {className: 'gl-side'}, ui.row(clear, rubRow, fitRow), radios, el('div', {className: 'gl-tiles'}, ...views.map(v => v[1])))),
    hist, kinds, ui.row(ui.field('Threshold', slide), table), say)
  take(net.bytes(pick.picks[0].x))
  return {take, scores: () => Object.fromEntries(names.map(k => [k, out[k].score])), rec: () => [...out[model].xr], x: () => [...out.x], counts: () => ui.counts(scores[model], y, th[model]),
          get threshold() { return th[model] }, get model() { return model }}
})
