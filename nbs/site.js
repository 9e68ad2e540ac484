// On a phone, figures of several panels keep a width at which they can be read. What scrolls sideways can be reached with the keyboard;
// what is folded is printed, and opened by a link to what is inside; a number keeps its spread beside it in a narrow table; the film on the
// front page can be stopped, and is where the reader's system asks for little motion. Nothing else needs a script.
const panels = () => document.querySelectorAll('main figure img').forEach(i => i.classList.toggle('panels', innerWidth<576 && i.naturalWidth>560 && i.naturalWidth>1.9*i.naturalHeight))
const wide = 'main pre, main table, main .sd-table, main .katex-display, main .math.display, main .cell-output-display, main figure p:has(> .panels)'
const reach = () => document.querySelectorAll(wide).forEach(e => {
  const s = getComputedStyle(e)
  if (e.scrollWidth>e.clientWidth+1 && /auto|scroll/.test(s.overflowX)) { e.tabIndex = 0; if (e.tagName!=='TABLE') { e.role = 'group'; e.ariaLabel = 'scrolls sideways' } }
})
const whole = () => document.querySelectorAll('main td').forEach(e => { if (e.textContent.trim().length<=16) e.style.whiteSpace = 'nowrap' })
addEventListener('load', () => { panels(); whole(); reach(); document.fonts.ready.then(reach); setTimeout(reach, 300) })
addEventListener('resize', () => { panels(); reach() })
addEventListener('toggle', reach, true)       // what was folded had no width before
addEventListener('beforeprint', () => document.querySelectorAll('main details').forEach(d => d.open = true))

const unfold = hash => {                      // every fold around what an address names, or the fold itself
  const target = document.getElementById(decodeURIComponent(hash.slice(1)))
  const folds = []
  for (let e = target; e; e = e.parentElement) if (e.tagName==='DETAILS' && !e.open) folds.push(e)
  folds.forEach(fold => fold.open = true)
  if (folds.length) target.scrollIntoView()
}
addEventListener('load', () => unfold(location.hash))
addEventListener('hashchange', () => unfold(location.hash))
addEventListener('click', event => {          // a second click on the same link changes no hash
  const link = event.target.closest('a[href*="#"]')
  if (link && link.hash===location.hash) unfold(link.hash)
})
const film = document.querySelector('main .moving img')
if (film) {
  const button = Object.assign(document.createElement('button'), {type: 'button', className: 'btn btn-sm btn-outline-secondary film-button'})
  const moving = film.getAttribute('src'), still = moving.replace(/\.webp$/, '.png')
  const sources = [...film.parentElement.querySelectorAll('source')]
  const show = plays => {
    sources.forEach(source => source.remove())
    if (plays) film.parentElement.prepend(...sources.filter(source => !source.media.includes('motion')))
    film.src = plays ? moving : still
    button.textContent = plays ? 'Pause' : 'Play'
  }
  let plays = !matchMedia('(prefers-reduced-motion: reduce)').matches
  button.textContent = plays ? 'Pause' : 'Play'
  button.onclick = () => show(plays = !plays)
  film.closest('.moving').append(button)
}
