// On a phone, figures of several panels keep a width at which they can be read. What scrolls sideways can be reached with the keyboard;
// what is folded is printed; a number keeps its spread beside it in a narrow table. Nothing else needs a script.
const panels = () => document.querySelectorAll('main figure img').forEach(i => i.classList.toggle('panels', innerWidth<576 && i.naturalWidth>560 && i.naturalWidth>1.9*i.naturalHeight))
const wide = 'main pre, main table, main .sd-table, main .katex-display, main .math.display, main .cell-output-display, main figure p:has(> .panels)'
const reach = () => document.querySelectorAll(wide).forEach(e => {
  const s = getComputedStyle(e)
  if (e.scrollWidth>e.clientWidth+1 && /auto|scroll/.test(s.overflowX)) { e.tabIndex = 0; if (e.tagName!=='TABLE') { e.role = 'group'; e.ariaLabel = 'scrolls sideways' } }
})
const whole = () => document.querySelectorAll('main td').forEach(e => { if (e.textContent.trim().length<=16) e.style.whiteSpace = 'nowrap' })
addEventListener('load', () => { panels(); whole(); reach(); document.fonts.ready.then(reach); setTimeout(reach, 300) })
addEventListener('resize', () => { panels(); reach() })
addEventListener('beforeprint', () => document.querySelectorAll('main details').forEach(d => d.open = true))
