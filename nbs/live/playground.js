// GAN playground: the course's toy GAN, trained in the page.
ganadLive.demo('playground', box => {
  const {ui, toy} = ganadLive, {el} = ui, SIDE = 30, SHOW = 200, LIM = 3, BLUE = [0, 114, 178], GREEN = [0, 158, 115]
  let gan, rng, shown, z, history, steps, at = {}, field

  const DATA = {ring: toy.DATA.ring, five: toy.DATA.gaussians}
  const data = ui.select({ring: 'a ring', five: 'five Gaussians'}, () => restart())
  const loss = ui.select({'non-saturating': 'non-saturating: −log D', saturating: 'saturating: log(1 − D)'}, () => restart())
  const speed = ui.range(1, 40, 1, 10), k = ui.range(1, 5, 1, 1), rate = ui.select({'0.001': '0.001 (the course’s)', '0.0003': '0.0003', '0.01': '0.01 (too much?)'}, () => restart())
  const seed = el('input', {type: 'number', value: 0, min: 0, max: 999, oninput: () => restart()})
  // A link may set what it speaks of, as ?data=five&k=5 does; what is no choice here is passed over
  const asked = new URLSearchParams(location.search)
  for (const [name, input] of Object.entries({data, loss, rate, k, seed})) {
    const value = asked.get(name), before = input.value
    if (!value) continue
    input.value = value
    if (input.value !== value) input.value = before
  }
  const play = ui.player(() => { train(+speed.value); draw() }, 20)
  const say = ui.say()
  const plane = ui.canvas(360, 360, paint, () => `The plane from −3 to 3. ${words()}`)
  const losses = ui.canvas(360, 200, curves, () => `Losses over ${steps} steps: critic ${ui.fix(at.d ?? 0)}, generator ${ui.fix(at.g ?? 0)}.`)

  function restart() {
    const s = +seed.value || 0
    play.play(false)
    rng = ui.rng(1000 + s)
    gan = new toy.GAN({seed: s, lr: +rate.value, saturates: loss.value === 'saturating'})
    shown = DATA[data.value](SHOW, rng)
    z = gan.noise(SHOW)
    history = []; steps = 0; at = {}
    draw()
  }
  function train(n) {
    for (let i = 0; i < n; i++) { at = gan.step(DATA[data.value](64, rng), +k.value); steps++; history.push(at) }
    if (history.length > 4000) history = history.filter((_, i) => i % 2)
  }
  // How many samples lie where data lie, and how many of the five clusters (or twelfths of the ring) get any
  function judge() {
    const g = gan.samples(z), places = new Set(), five = data.value === 'five'
    let good = 0
    for (let i = 0; i < SHOW; i++) {
      const [x, y] = [g[2*i], g[2*i + 1]]
      const near = five ? toy.MEANS.findIndex(([a, b]) => Math.hypot(x - a, y - b) < .6)
                        : Math.abs(Math.hypot(x, y) - 2) < .3 ? Math.floor((Math.atan2(y, x)/Math.PI + 1)*6) % 12 : -1
      if (near >= 0) { good++; places.add(near) }
    }
    return {good: good/SHOW, places: places.size, of: five ? 5 : 12}
  }
  function words() {
    const j = judge(), where = j.of === 5 ? `${j.places} of the 5 clusters` : `${j.places} of 12 parts of the ring`
    return `Step ${steps.toLocaleString('en')}. ${ui.pct(j.good)} of the samples lie where data lie, on ${where}.` +
      (steps ? ` Critic’s loss ${ui.fix(at.d)} (1.39 when it knows nothing), generator’s ${ui.fix(at.g)} (${gan.saturates ? '−0.69' : '0.69'} then).` : ' Nothing is trained yet: press Play.')
  }
  function paint(ctx, t) {
    const X = v => 180 + 180*v/LIM, Y = v => 180 - 180*v/LIM, grid = new Float64Array(2*SIDE*SIDE)
    for (let r = 0; r < SIDE; r++) for (let c = 0; c < SIDE; c++) { grid[2*(r*SIDE + c)] = ((c + .5)/SIDE*2 - 1)*LIM; grid[2*(r*SIDE + c) + 1] = (1 - (r + .5)/SIDE*2)*LIM }
    field = gan.logits(grid)
    const mix = (c, a) => c.map((v, i) => a*v + (1 - a)*t.rgb[i])      // blue ground: the critic says data; green: it says sample
    ui.image(ctx, field, 0, 0, 360, l => { const p = 1/(1 + Math.exp(-l)); return mix(p > .5 ? BLUE : GREEN, Math.abs(p - .5)*.9) }, true)
    const g = gan.samples(z), edge = t.bright ? '#fff' : '#e8e8e8'
    for (let i = 0; i < SHOW; i++) ui.dot(ctx, X(shown[2*i]), Y(shown[2*i + 1]), 2.6, ui.NORMAL, edge)
    for (let i = 0; i < SHOW; i++) ui.dot(ctx, X(g[2*i]), Y(g[2*i + 1]), 3.2, ui.GENERATED, edge)
  }
  function curves(ctx, t) {
    const top = 3, low = gan.saturates ? -3 : 0, n = Math.max(50, history.length)
    const {X, Y} = ui.axes(ctx, t, {l: 28, t: 22, w: 325, h: 140, x: [0, n], y: [low, top], xticks: [], yticks: gan.saturates ? [-3, -2, -1, 0, 1, 2, 3] : [0, 1, 2, 3], xlabel: `steps 0 to ${steps.toLocaleString('en')}`, ylabel: 'loss'})
    for (const v of [Math.log(4), gan.saturates ? -Math.log(2) : Math.log(2)]) ui.line(ctx, [[X(0), Y(v)], [X(n), Y(v)]], ui.MUTED, 1, [3, 3])
    ;['d', 'g'].forEach((key, j) => {
      let avg = history.length ? history[0][key] : 0
      ui.line(ctx, history.map((h, i) => { avg = .9*avg + .1*h[key]; return [X(i), Y(Math.max(low, Math.min(top, avg)))] }), ui.CURVES[j], 1.8)
      ctx.fillStyle = ui.CURVES[j]; ctx.fillRect(160 + 92*j, 8, 10, 3)
      ctx.fillStyle = t.ink; ctx.textAlign = 'left'; ctx.textBaseline = 'middle'; ctx.fillText(j ? 'generator' : 'critic', 174 + 92*j, 10)
    })
  }
  let spoken = 0
  function draw() {
    plane.redraw(); losses.redraw()
    if (!play.playing || Date.now() - spoken > 1500) { say.textContent = words(); spoken = Date.now() }
  }
  const step = ui.button('One step', () => { play.play(false); train(1); spoken = 0; draw() })
  box.append(
    ui.row(play, step, ui.button('Start again', restart)),
    ui.row(ui.field('Data', data), ui.field('Training steps between two drawings', speed), ui.field('Critic’s steps for one of the generator', k), ui.field('Generator’s loss', loss),
           ui.field('Learning rate', rate), ui.field('Seed', seed)),
    ui.row(plane, losses),
    ui.key([ui.NORMAL, 'data, and where the critic says “data”'], [ui.GENERATED, 'samples, and where it says “sample”']), say)
  restart()
  return {get gan() { return gan }, get steps() { return steps }, judge, train, draw, field: () => field}
})
