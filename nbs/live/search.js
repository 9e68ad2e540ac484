// AnoGAN's search as a film: what the generator made of the code after each step, for a normal and for an anomalous image.
ganadLive.demo('search', box => {
  const {ui, net, data: {search}} = ganadLive, {el} = ui, COLOURS = [ui.NORMAL, ui.ANOMALOUS], last = search.films[0].loss.length - 1
  const films = search.films.map(f => ({...f, x: decode(f.x), frames: f.frames.map(decode)}))
  function decode(b) { return Float32Array.from(net.bytes(b), v => v/127.5 - 1) }
  let t = 0
  const way = ui.range(0, last, 1, 0, () => { play.play(false); t = +way.value; draw() })
  const play = ui.player(() => { t = t >= last ? 0 : t + 1; ui.set(way, t); draw(); return t < last }, 160)
  const back = ui.button('One step back', () => jump(-1)), next = ui.button('One step on', () => jump(1))
  function jump(d) { play.play(false); t = Math.max(0, Math.min(last, t + d)); ui.set(way, t); draw() }
  const say = ui.say(), off = f => f.frames[t].map((v, i) => Math.abs(v - f.x[i]))
  const canvases = films.map((f, k) => ui.canvas(320, 130, (ctx, th) => {
    ui.image(ctx, f.x, 0, 0, 100); ui.image(ctx, f.frames[t], 110, 0, 100); ui.image(ctx, off(f), 220, 0, 100, v => ui.heat(v/1.5))
    ctx.fillStyle = th.ink; ctx.textAlign = 'center'; ctx.textBaseline = 'top'
    ;['the image', `G(z), step ${t}`, '|difference|'].forEach((w, i) => ctx.fillText(w, 50 + 110*i, 106))
  }, () => `${f.title}: the image, what the generator makes of the code after step ${t}, and the difference; ${ui.fix(f.loss[t], 3)} is left over`))
  const top = 1.05*Math.max(...films.flatMap(f => f.loss))
  const curve = ui.canvas(660, 200, (ctx, th, w) => {
    const {X, Y} = ui.axes(ctx, th, {l: 34, t: 24, w: w - 44, h: 130, x: [0, last], y: [0, top], xticks: ui.ticks(0, last, 8), yticks: ui.ticks(0, top, 4), xlabel: 'step of the search', ylabel: 'left over (at the last step: the score)'})
    films.forEach((f, k) => {
      ui.line(ctx, f.loss.map((v, i) => [X(i), Y(v)]), COLOURS[k], 1, [2, 3])
      ui.line(ctx, f.loss.slice(0, t + 1).map((v, i) => [X(i), Y(v)]), COLOURS[k], 2.5)
      ui.dot(ctx, X(t), Y(f.loss[t]), 5, COLOURS[k], th.ink)
    })
  }, () => `What is left over at each of ${last} steps: from ${films.map(f => `${ui.fix(f.loss[0])} to ${ui.fix(f.loss[last])} for the ${f.kind} image`).join(', ')}`, true)
  function draw() {
    canvases.forEach(c => c.redraw()); curve.redraw()
    const line = `Step ${t} of ${last}. ${films.map(f => `${f.title}: ${ui.fix(f.loss[t], 3)} left over (score: ${ui.fix(f.score, 3)})`).join('; ')}.`
    if (!play.playing || t % 8 === 0 || t === last) say.textContent = line
  }
  box.append(ui.row(...films.map((f, k) => el('figure', {}, canvases[k], el('figcaption', {}, f.title)))),
    ui.row(play, back, next, ui.field('Step of the search', way)), curve,
    ui.key([ui.NORMAL, films[0].title], [ui.ANOMALOUS, films[1].title]), say)
  draw()
  return {get step() { return t }, films, jump, play}
})
