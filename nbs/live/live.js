// Puts a demo into every <div class="ganad-live" data-demo="…"> of a page, when the reader comes near it.
// Nothing is asked of another host: scripts, weights and pictures lie beside this file. Without JavaScript the picture in the div stays.
(() => {
  if (window.ganadLive) return
  const here = new URL('.', document.currentScript.src).href
  const FILES = {
    playground: ['toy.js', 'playground.js'],
    latent: ['net.js', 'data/latent.js', 'latent.js'],
    pick: ['net.js', 'data/pick.js', 'data/digit8.js', 'pick.js'],
    search: ['net.js', 'data/search.js', 'search.js'],
    threshold: ['net.js', 'data/scores.js', 'threshold.js'],
  }
  const loaded = {}, demos = {}
  const L = window.ganadLive = {
    data: {}, mounted: {},
    put(name, obj) { L.data[name] = obj },                  // called by the files in data/
    demo(name, mount) { demos[name] = mount },              // called by the demos: (box) => what tests may look at
  }
  const load = L.load = file => loaded[file] ??= new Promise((ok, bad) => {
    const tag = file.endsWith('.css') ? Object.assign(document.createElement('link'), {rel: 'stylesheet', href: here + file})
                                      : Object.assign(document.createElement('script'), {src: here + file, async: false})
    tag.onload = ok
    tag.onerror = () => bad(new Error(`${file} did not load`))
    document.head.append(tag)
  })
  async function mount(div) {
    const name = div.dataset.demo, still = [...div.childNodes]
    try {
      await Promise.all(['live.css', 'ui.js', ...FILES[name]].map(load))
      const box = document.createElement('section')
      L.mounted[name] = demos[name](box)
      div.replaceChildren(box)
      div.dataset.ready = 'yes'
    } catch (e) {
      div.replaceChildren(...still, Object.assign(document.createElement('p'), {textContent: `This demo could not start: ${e.message}.`}))
      div.dataset.ready = 'no'
    }
  }
  const seen = new IntersectionObserver(es => es.forEach(e => { if (e.isIntersecting) { seen.unobserve(e.target); mount(e.target) } }),
                                        {rootMargin: '300px'})
  const begin = () => document.querySelectorAll('.ganad-live').forEach(d => seen.observe(d))
  document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', begin) : begin()
})()
