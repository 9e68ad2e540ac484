// Draw or pick: a digit, centred as MNIST's are, goes through two detectors that know one digit; threshold and counts on the scores of test images.
ganadLive.demo('pick', box => {
  const {ui, net, data, load} = ganadLive, {el} = ui, {picks, shape, start} = data.pick, N = shape[1], PAD = 280, TITLES = {GANomaly: 'GANomaly', KNN: 'Nearest neighbour'}
  const PEN = 2.6, RUBBER = 34, FINE = 4                   // pen: pixels of the 28; rubber: of the pad; each pixel is the mean of 4×4
  const read = {}                                          // digit → its detectors, and the scores of its test images
  let digit, known, names, model = 'GANomaly', out = {}
  let strokes = [], image                                  // strokes: {points, rub}; image: what was taken from the test set
  let pen = {x: 140, y: 52, down: false}, focus = false

  function open(which) {
    const {models, y, methods} = data[`digit${which}`], found = {y: [...net.bytes(y)], detect: {}, scores: {}, range: {}, th: {}, start: {}}
    for (const name of Object.keys(models)) {
      found.detect[name] = net.DETECTORS[name](models[name], shape)
      found.scores[name] = [...net.floats(methods[name].scores)]
      const sorted = [...found.scores[name]].sort((a, b) => a - b)
      found.range[name] = [0, Math.max(2.5*methods[name].start, sorted[Math.floor(.9*sorted.length)])]
      found.th[name] = found.start[name] = methods[name].start
    }
    return found
  }
  async function choose(which) {
    const wanted = normal.value = String(which)
    await load(`data/digit${wanted}.js`)
    if (normal.value !== wanted) return                    // somebody was faster
    digit = wanted
    known = read[digit] ??= open(digit)
    names = Object.keys(known.detect)
    run()
  }

  // The drawing: white strokes on black, or on an image of the test set, at `scale` pixels of the 28 for one of the pad
  const paper = el('canvas', {width: N*FINE, height: N*FINE}), ink = paper.getContext('2d', {willReadFrequently: true})
  const still = el('canvas', {width: N, height: N})
  function trace(ctx, {points, rub}, width, X, Y) {
    ctx.strokeStyle = rub ? '#000' : '#fff'
    ctx.lineCap = ctx.lineJoin = 'round'; ctx.lineWidth = width
    ctx.beginPath()
    points.forEach(([x, y], i) => i ? ctx.lineTo(X(x), Y(y)) : ctx.moveTo(X(x), Y(y) + .01))
    if (points.length === 1) ctx.lineTo(X(points[0][0]), Y(points[0][1]))
    ctx.stroke()
  }
  function raster(scale, dx, dy) {
    const side = N*FINE
    ink.fillStyle = '#000'; ink.fillRect(0, 0, side, side)
    if (image) { ink.imageSmoothingEnabled = false; ink.drawImage(still, 0, 0, side, side) }
    for (const s of strokes) trace(ink, s, FINE*(s.rub ? RUBBER*scale : PEN), x => FINE*(x*scale + dx), y => FINE*(y*scale + dy))
    const {data: rgba} = ink.getImageData(0, 0, side, side), v = new Float64Array(N*N)
    for (let r = 0; r < side; r++) for (let c = 0; c < side; c++) v[Math.floor(r/FINE)*N + Math.floor(c/FINE)] += rgba[4*(r*side + c)]/FINE**2
    return v
  }
  // As MNIST was made: the longer side fills 20 of 28 pixels, then the centre of mass goes to the middle
  function centred() {
    const asDrawn = N/PAD, v = raster(asDrawn, 0, 0)
    if (image || !fit.checked || v.every(a => a < 1)) return v
    const side = N*FINE, {data: rgba} = ink.getImageData(0, 0, side, side)
    let top = side, bottom = 0, left = side, right = 0
    for (let r = 0; r < side; r++) for (let c = 0; c < side; c++) {
      if (rgba[4*(r*side + c)] < 128) continue
      top = Math.min(top, r); bottom = Math.max(bottom, r + 1); left = Math.min(left, c); right = Math.max(right, c + 1)
    }
    const longest = Math.max(bottom - top, right - left)/FINE
    if (longest <= 0) return v
    const scale = asDrawn*(20 - PEN)/Math.max(longest - PEN, 3)
    const place = (from, to) => N/2 - (from + to)/2/FINE*scale/asDrawn
    let [dx, dy] = [place(left, right), place(top, bottom)]
    let mass = 0, x = 0, y = 0
    raster(scale, dx, dy).forEach((a, i) => { mass += a; x += a*(i % N + .5); y += a*(Math.floor(i/N) + .5) })
    return mass ? raster(scale, dx + N/2 - x/mass, dy + N/2 - y/mass) : v
  }
  const isEmpty = () => out.x.every(v => v === -1)

  let waiting
  const soon = () => { pad.redraw(); waiting ||= requestAnimationFrame(run) }      // the models run once a frame, however fast the hand is
  function stroke(x, y, first) {
    if (first || !strokes.length) strokes.push({points: [], rub: rub.checked})
    strokes.at(-1).points.push([Math.round(x), Math.round(y)])
    soon()
  }
  const pad = ui.canvas(PAD, PAD, ctx => {
    ctx.fillStyle = '#000'; ctx.fillRect(0, 0, PAD, PAD)
    if (image) { ctx.imageSmoothingEnabled = false; ctx.drawImage(still, 0, 0, PAD, PAD) }
    for (const s of strokes) trace(ctx, s, s.rub ? RUBBER : PEN*PAD/N, x => x, y => y)
    if (!strokes.length && !image && !focus) { ctx.fillStyle = '#999'; ctx.textAlign = 'center'; ctx.font = '15px system-ui, sans-serif'; ctx.fillText('draw here', PAD/2, PAD/2) }
    if (focus) { ctx.strokeStyle = pen.down ? '#ffb000' : '#9ad'; ctx.lineWidth = 2; ctx.strokeRect(pen.x - 12, pen.y - 12, 24, 24) }
  }, () => 'Pad to draw a digit on, with mouse or finger; with keys: arrows move the pen, space puts it down or lifts it')
  pad.setAttribute('role', 'application'); pad.tabIndex = 0; pad.classList.add('gl-pad')
  ui.drag(pad, stroke, () => run())
  pad.addEventListener('focus', () => { focus = pad.matches(':focus-visible'); pad.redraw() })
  pad.addEventListener('blur', () => { focus = false; pad.redraw() })
  let begun = false
  pad.addEventListener('keydown', e => {
    const go = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[e.key], within = v => Math.max(8, Math.min(PAD - 8, v))
    if (e.key === ' ') { pen.down = !pen.down; begun = false } else if (go) { pen.x = within(pen.x + 9*go[0]); pen.y = within(pen.y + 9*go[1]) } else return
    e.preventDefault()
    focus = true
    if (!pen.down) return pad.redraw()
    stroke(pen.x, pen.y, !begun)
    begun = true
  })

  const check = (text, on, oninput) => { const c = el('input', {type: 'checkbox', checked: on, oninput}); c.id = `gl-c-${text.slice(0, 3)}`; return [c, el('span', {}, c, ' ', el('label', {htmlFor: c.id}, text))] }
  const [fit, fitRow] = check('centre it, as MNIST is', true, () => run()), [rub, rubRow] = check('rub out', false, () => {})
  const tile = (what, of, colour) => { const c = ui.canvas(112, 112, ctx => ui.image(ctx, of(), 0, 0, 112, colour), () => what); return [c, el('figure', {}, c, el('figcaption', {}, what))] }
  const views = [tile('what the models see', () => out.seen), tile('what the model makes of it', () => out[model].xr),
                 tile('difference', () => out.seen.map((v, i) => Math.abs(v - out[model].xr[i])), v => ui.heat(v/2))]
  const normal = ui.select(Object.fromEntries(picks.map(p => [p.name, `the ${p.name}`])), () => choose(normal.value))
  const verdicts = {}
  const radios = el('fieldset', {className: 'gl-verdicts'}, el('legend', {}, 'Detector, and its verdict'), ...Object.entries(TITLES).map(([k, title]) => {
    const r = el('input', {type: 'radio', name: 'gl-model', id: `gl-m-${k}`, checked: k === model, onchange: () => { model = k; draw() }})
    verdicts[k] = el('b', {})
    return el('div', {}, r, el('label', {htmlFor: r.id}, title), verdicts[k]) }))
  const hist = ui.canvas(560, 190, (ctx, t, w) => {
    const X = ui.histogram(ctx, t, known.scores[model], known.y, {l: 10, t: 24, w: w - 20, h: 118, x: known.range[model], xlabel: 'score (share of test images of either kind, upwards)'})
    const [lo, hi] = known.range[model], s = out[model].score, line = X(known.th[model]), you = X(Math.max(lo, Math.min(hi, s)))
    ui.line(ctx, [[line, 20], [line, 142]], t.ink, 2, [5, 3])
    ctx.fillStyle = t.ink; ctx.textBaseline = 'bottom'; ctx.textAlign = line > w/2 ? 'right' : 'left'
    ctx.fillText('threshold', line + (line > w/2 ? -5 : 5), 36)
    if (isEmpty()) return
    ui.line(ctx, [[you, 16], [you, 142]], ui.CURVES[0], 3)
    ctx.textAlign = you > w/2 ? 'right' : 'left'; ctx.fillText(`yours${s > hi ? ' (beyond the axis)' : ''}`, you + (you > w/2 ? -4 : 4), 16)
  }, () => `Histogram of the scores of ${known.y.length} test images. ${words()}`, true)
  hist.classList.add('gl-drag')
  const slide = ui.range(0, 1000, 1, 0, () => { const [lo, hi] = known.range[model]; known.th[model] = lo + (hi - lo)*slide.value/1000; draw() })
  ui.drag(hist, px => { const [lo, hi] = known.range[model]; known.th[model] = Math.max(lo, Math.min(hi, lo + (hi - lo)*(px - 10)/(hist.width/2 - 20))); draw() })
  const back = ui.button('Threshold at 5 % false alarms', () => { known.th[model] = known.start[model]; draw() })
  const cell = () => el('td'), [tp, fn, fp, tn] = [cell(), cell(), cell(), cell()]
  const head = t => el('th', {scope: 'col'}, t), anomalous = el('th', {scope: 'row'}), usual = el('th', {scope: 'row'})
  const table = el('table', {'aria-label': 'test images at this threshold'},
    el('thead', {}, el('tr', {}, el('td', {}, ''), head('flagged'), head('passed'))),
    el('tbody', {}, el('tr', {}, anomalous, tp, fn), el('tr', {}, usual, fp, tn)))
  const say = ui.say(), num = v => +v.toPrecision(3), calls = k => out[k].score >= known.th[k] ? 'an anomaly' : 'normal'
  function words() {
    if (isEmpty()) return 'Nothing is drawn yet.'
    const s = out[model].score, {y} = known, scores = known.scores[model], th = known.th[model]
    const share = k => scores.filter((v, i) => y[i] === k && v < s).length/y.filter(v => v === k).length
    const others = names.filter(k => k !== model).map(k => `${TITLES[k]} says: ${calls(k)}`).join(', ')
    return `${TITLES[model]} gives yours ${num(s)}, ${s >= th ? 'above' : 'below'} the threshold ${num(th)}: ${calls(model)}. ` +
      `It scores higher than ${ui.pct(share(0))} of the normal test images and ${ui.pct(share(1))} of the anomalous ones. ${others}.`
  }
  function run() {
    cancelAnimationFrame(waiting)
    waiting = 0
    const x = Float32Array.from(centred(), v => Math.round(v)/127.5 - 1), seen = net.sameInk(x, N)
    out = {x, seen, ...Object.fromEntries(names.map(k => [k, known.detect[k](seen)]))}
    draw()
  }
  function draw() {
    const [lo, hi] = known.range[model], {y} = known, c = ui.counts(known.scores[model], y, known.th[model])
    pad.redraw(); views.forEach(([c]) => c.redraw()); hist.redraw()
    views[1][1].lastChild.textContent = model === 'KNN' ? 'the nearest that it knows' : 'what the model makes of it'
    for (const k of names) {
      const odd = out[k].score >= known.th[k]
      verdicts[k].textContent = isEmpty() ? '' : odd ? 'anomaly' : 'normal'
      verdicts[k].className = odd ? 'gl-odd' : 'gl-fine'
    }
    ui.set(slide, 1000*(known.th[model] - lo)/(hi - lo))
    anomalous.textContent = `the other digits (${c.tp + c.fn})`; usual.textContent = `the ${digit} (${c.fp + c.tn})`
    tp.textContent = c.tp; fn.textContent = c.fn; fp.textContent = c.fp; tn.textContent = c.tn
    say.textContent = words() + ` On the test images the threshold catches ${ui.pct(c.tp/(c.tp + c.fn))} of the other digits and flags ${ui.pct(c.fp/(c.fp + c.tn))} of the normal one.`
  }
  function take(x) {                                       // bytes, 28×28
    const c = still.getContext('2d'), d = c.createImageData(N, N)
    x.forEach((v, i) => d.data.set([v, v, v, 255], 4*i))
    c.putImageData(d, 0, 0)
    image = x
    strokes = []
    run()
  }
  function clear() { strokes = []; image = undefined; run() }
  const row = el('div', {className: 'gl-picks', role: 'group', 'aria-label': 'digits of the test set'}, ...picks.map(p => {
    const x = net.bytes(p.x), c = ui.canvas(44, 44, ctx => ui.image(ctx, [...x].map(v => v/127.5 - 1), 0, 0, 44), () => `a ${p.name} of the test set`)
    c.redraw()
    return el('button', {type: 'button', title: `take this ${p.name}`, onclick: () => take(x)}, c) }))
  const undo = ui.button('Undo', () => { strokes.pop(); run() })
  box.append(
    ui.row(ui.field('The models know nothing but', normal), ui.button('Clear', clear), undo, rubRow, fitRow),
    ui.row(pad, el('div', {className: 'gl-side'}, radios, el('div', {className: 'gl-tiles'}, ...views.map(v => v[1])),
      el('p', {className: 'gl-note'}, 'Or take one of the test set, and draw on it:'), row)),
    hist, ui.key([ui.NORMAL, 'normal'], [ui.ANOMALOUS, 'anomalous: the other digits'], [ui.CURVES[0], 'yours']),
    ui.row(ui.field('Threshold', slide, () => known ? num(known.th[model]) : ''), back, table), say)
  digit = normal.value = String(start)
  known = read[digit] = open(digit)
  names = Object.keys(known.detect)
  take(net.bytes(picks[start].x))
  return {take, choose, clear, get digit() { return digit }, get strokes() { return strokes.map(s => s.points) },
          scores: () => Object.fromEntries(names.map(k => [k, out[k].score])), verdicts: () => Object.fromEntries(names.map(k => [k, out[k].score < known.th[k]])),
          draw(lines) { image = undefined; strokes = lines.map(points => ({points, rub: false})); run() },
          rec: () => [...out[model].xr], x: () => [...out.x], seen: () => [...out.seen], counts: () => ui.counts(known.scores[model], known.y, known.th[model]),
          get threshold() { return known.th[model] }, get model() { return model }}
})
