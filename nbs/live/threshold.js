// Threshold lab: one threshold on a histogram, on ROC and on precision-recall, at a base rate of your choice.
ganadLive.demo('threshold', box => {
  const {ui, net, data: {scores}} = ganadLive, {el} = ui, SOURCES = {digits: 'digits', fashion: 'FashionMNIST'}
  const RESULTS = Object.fromEntries(Object.entries(scores).flatMap(([source, {normal, y, methods}]) => Object.entries(methods).map(([k, m]) =>
    [k, {title: `${k}, ${SOURCES[source]}: normal is ${normal}`, s: net.floats(m.scores), y: net.bytes(y), start: m.start}])))
  const base = v => 10**(-3 + v/100*(3 + Math.log10(.5))), where = b => 100*(Math.log10(b) + 3)/(3 + Math.log10(.5))    // 0 to 100 ↔ 1 in 1,000 to 1 in 2
  let r, th, b = .01
  const which = ui.select(Object.fromEntries(Object.entries(RESULTS).map(([k, v]) => [k, v.title])), () => start())
  const slide = ui.range(0, 1000, 1, 0, () => { th = r.lo + (r.hi - r.lo)*slide.value/1000; draw() })
  const rate = ui.range(0, 100, 1, where(b), () => { b = base(+rate.value); draw() })
  const say = ui.say()

  // Shares caught (anomalies) and flagged (normals) at every threshold, highest first; ties together
  function curve(s, y) {
    const order = [...s.keys()].sort((i, j) => s[j] - s[i]), n1 = y.filter(v => v).length, n0 = y.length - n1, out = [{t: Infinity, tpr: 0, fpr: 0}]
    let tp = 0, fp = 0
    order.forEach((i, k) => { y[i] ? tp++ : fp++; if (k + 1 === order.length || s[order[k + 1]] !== s[i]) out.push({t: s[i], tpr: tp/n1, fpr: fp/n0}) })
    return out
  }
  const precision = (p, b) => p.tpr || p.fpr ? b*p.tpr/(b*p.tpr + (1 - b)*p.fpr) : 1
  const auroc = c => c.slice(1).reduce((a, p, i) => a + (p.fpr - c[i].fpr)*(p.tpr + c[i].tpr)/2, 0)
  const auprc = (c, b) => c.slice(1).reduce((a, p, i) => a + (p.tpr - c[i].tpr)*precision(p, b), 0)
  const here = () => { const c = ui.counts(r.s, r.y, th); return {tpr: c.tp/(c.tp + c.fn), fpr: c.fp/(c.fp + c.tn), ...c} }

  function start() {
    r = RESULTS[which.value]
    r.c ??= curve(r.s, r.y)
    const sorted = [...r.s].sort((a, b) => a - b)
    r.lo = sorted[0]; r.hi = sorted[Math.floor(.99*sorted.length)]
    th = r.start
    draw()
  }
  const hist = ui.canvas(660, 190, (ctx, t, w) => {
    const X = ui.histogram(ctx, t, r.s, r.y, {l: 10, t: 22, w: w - 20, h: 120, x: [r.lo, r.hi], xlabel: 'score'})
    ui.line(ctx, [[X(th), 16], [X(th), 142]], t.ink, 2.5, [5, 3])
    const left = X(th) > w/2
    ctx.fillStyle = t.ink; ctx.textAlign = left ? 'right' : 'left'; ctx.textBaseline = 'top'
    ctx.fillText('threshold', X(th) + (left ? -6 : 6), 4)
  }, () => `Histogram of the scores. ${words()}`, true)
  hist.classList.add('gl-drag')
  ui.drag(hist, px => { th = Math.max(r.lo, Math.min(r.hi, r.lo + (r.hi - r.lo)*(px - 10)/(hist.width/2 - 20))); draw() })
  const square = {l: 34, t: 24, w: 270, h: 190, x: [0, 1], y: [0, 1], xticks: [0, .25, .5, .75, 1], yticks: [0, .25, .5, .75, 1]}
  const roc = ui.canvas(320, 256, (ctx, t) => {
    const {X, Y} = ui.axes(ctx, t, {...square, xlabel: 'normal rows flagged', ylabel: `anomalies caught    AUROC ${ui.fix(auroc(r.c), 3)}`})
    ui.line(ctx, [[X(0), Y(0)], [X(1), Y(1)]], ui.MUTED, 1, [4, 3])
    ui.line(ctx, r.c.map(p => [X(p.fpr), Y(p.tpr)]), ui.CURVES[0], 2)
    const p = here()
    ui.dot(ctx, X(p.fpr), Y(p.tpr), 5, ui.CURVES[1], t.ink)
  }, () => { const p = here(); return `ROC curve with area ${ui.fix(auroc(r.c), 3)}; the threshold is at ${ui.pct(p.fpr)} of normal rows flagged, ${ui.pct(p.tpr)} of anomalies caught` })
  const pr = ui.canvas(320, 256, (ctx, t) => {
    const {X, Y} = ui.axes(ctx, t, {...square, xlabel: 'anomalies caught (recall)', ylabel: `precision    AUPRC ${ui.fix(auprc(r.c, b), 3)}`})
    ui.line(ctx, [[X(0), Y(b)], [X(1), Y(b)]], ui.MUTED, 1, [4, 3])
    ui.line(ctx, r.c.slice(1).map(p => [X(p.tpr), Y(precision(p, b))]), ui.CURVES[0], 2)
    const p = here()
    ui.dot(ctx, X(p.tpr), Y(precision(p, b)), 5, ui.CURVES[1], t.ink)
  }, () => `Precision over recall at a base rate of ${ui.pct(b)}, area ${ui.fix(auprc(r.c, b), 3)}; at the threshold precision is ${ui.pct(precision(here(), b))}`)
  function words() {
    const p = here(), n = 10000, hit = n*b*p.tpr, no = n*(1 - b)*p.fpr, whole = v => Math.round(v).toLocaleString('en')
    return `At threshold ${+th.toPrecision(3)}: ${ui.pct(p.tpr)} of the anomalies are caught and ${ui.pct(p.fpr)} of the normal rows are flagged. ` +
      `If ${ui.pct(b)} of rows are anomalous, ${whole(n)} rows give ${whole(hit + no)} alarms, ${whole(hit)} of them true: precision ${ui.pct(precision(p, b))}.`
  }
  function draw() {
    hist.redraw(); roc.redraw(); pr.redraw()
    ui.set(slide, 1000*(th - r.lo)/(r.hi - r.lo)); ui.set(rate, where(b))
    say.textContent = words()
  }
  box.append(ui.row(ui.field('Stored scores', which)), hist, ui.key([ui.NORMAL, 'normal'], [ui.ANOMALOUS, 'anomalous']),
    ui.row(ui.field('Threshold', slide, () => r ? `${+th.toPrecision(3)}` : ''), ui.field('Base rate: from 1 in 1,000 to 1 in 2', rate, () => ui.pct(b))), ui.row(roc, pr), say)
  start()
  return {get point() { const p = here(); return {...p, th, b, precision: precision(p, b)} }, get auroc() { return auroc(r.c) }, auprc: b => auprc(r.c, b),
          set(t, at) { th = t ?? th; b = at ?? b; draw() }, choose(k) { which.value = k; start() }}
})
