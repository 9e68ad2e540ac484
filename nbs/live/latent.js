// Latent explorer: a code by sliders, the picture that the generator makes of it, and the way from one code to another.
ganadLive.demo('latent', box => {
  const {ui, net, data: {latent}} = ganadLive, {el} = ui, SHOWN = 7
  let m, G, codes = {}, now = 'A', t = 0, rng = ui.rng(1)

  const which = ui.select(Object.fromEntries(Object.entries(latent).map(([k, v]) => [k, v.title])), () => start())
  const ends = ['A', 'B'].map(e => el('input', {type: 'radio', name: 'gl-end', value: e, checked: e === 'A', id: `gl-end-${e}`, onchange: () => { now = e; t = e === 'A' ? 0 : 1; ui.set(way, t); fill(); draw() }}))
  const sliders = el('div', {className: 'gl-sliders', role: 'group', 'aria-label': 'the numbers of the code'})
  const way = ui.range(0, 1, .01, 0, () => { t = +way.value; draw() })
  const play = ui.player(() => { t = t >= 1 ? 0 : Math.min(1, t + .02); ui.set(way, t); draw(); return t < 1 }, 60, ['Walk from A to B', 'Stop'])
  const say = ui.say(), picks = el('div', {className: 'gl-picks', role: 'group'})
  const mix = s => codes.A.map((a, i) => (1 - s)*a + s*codes.B[i])
  const norm = z => Math.hypot(...z)
  const big = ui.canvas(200, 200, ctx => ui.image(ctx, G(mix(t)), 0, 0, 200), () => `Picture of the code ${describe()}`)
  const strip = ui.canvas(SHOWN*80, 96, (ctx, th, w) => {
    const side = w/SHOWN
    for (let i = 0; i < SHOWN; i++) {
      const s = i/(SHOWN - 1)
      ui.image(ctx, G(mix(s)), i*side + 3, 3, side - 6)
      if (Math.abs(s - t) <= .5/(SHOWN - 1)) { ctx.strokeStyle = ui.GENERATED; ctx.lineWidth = 3; ctx.strokeRect(i*side + 2, 2, side - 4, side - 4) }
      ctx.fillStyle = th.ink; ctx.textAlign = 'center'; ctx.textBaseline = 'top'
      ctx.fillText(i === 0 ? 'A' : i === SHOWN - 1 ? 'B' : ui.fix(s), i*side + side/2, side + 2)
    }
  }, () => `${SHOWN} pictures on the straight way from code A to code B`, true)
  function describe() {
    const z = mix(t), x = G(z), ink = x.reduce((s, v) => s + (v + 1)/2, 0)/x.length
    const where = t === 0 ? 'A' : t === 1 ? 'B' : `${ui.pct(t)} of the way from A to B`
    return `${where}: length ${ui.fix(norm(z))} (codes at random have about ${ui.fix(Math.sqrt(z.length), 1)}), mean brightness ${ui.pct(ink)}.`
  }
  function start() {
    play.play(false)
    m = latent[which.value]; G = net.read(m.G)
    codes = {A: [...m.codes[0]], B: [...m.codes[1]]}
    t = 0; ui.set(way, t); now = 'A'; ends[0].checked = true
    sliders.replaceChildren(...codes.A.map((_, i) => ui.field(`z${i + 1}`, ui.range(-3, 3, .05, 0, e => {
      codes[now][i] = +e.target.value; t = now === 'A' ? 0 : 1; ui.set(way, t); draw() }), v => ui.fix(v))))
    picks.setAttribute('aria-label', 'real images whose code you can take')
    picks.replaceChildren(...m.images.map((img, i) => {
      const x = Float32Array.from(net.bytes(img), v => v/127.5 - 1)
      const c = ui.canvas(44, 44, ctx => ui.image(ctx, x, 0, 0, 44), () => `a real ${m.names[i]}`)
      const b = el('button', {type: 'button', title: `the code of this ${m.names[i]}`, onclick: () => set(m.codes[i])}, c)
      c.redraw()
      return b
    }))
    fill(); draw()
  }
  function set(z) { codes[now] = [...z]; t = now === 'A' ? 0 : 1; ui.set(way, t); fill(); draw() }
  function fill() { sliders.querySelectorAll('input').forEach((s, i) => ui.set(s, codes[now][i])) }
  function draw() { big.redraw(); strip.redraw(); say.textContent = `Code ${describe()}` }
  box.append(
    ui.row(ui.field('Generator', which), el('fieldset', {className: 'gl-radios'}, el('legend', {}, 'The sliders move'),
             ...ends.flatMap(r => [r, el('label', {htmlFor: r.id}, `code ${r.value}`)])),
           ui.button('A code at random', () => set(codes.A.map(() => rng.n()))), ui.button('All zeros', () => set(codes.A.map(() => 0)))),
    ui.row(big, sliders), el('p', {className: 'gl-note'}, 'Or take the code that the encoder gives to a real image:'), picks,
    ui.row(play, ui.field('From A to B', way, ui.pct)), strip, say)
  start()
  return {picture: z => [...G(z)], get codes() { return codes }, get code() { return mix(t) }, choose(k) { which.value = k; start() }}
})
