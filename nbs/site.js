// What scrolls sideways can be reached with the keyboard; what is folded is printed. Nothing else needs a script.
const wide = 'main pre, main table, main .sd-table, main .katex-display, main .math.display, main .cell-output-display'
const reach = () => document.querySelectorAll(wide).forEach(e => {
  const s = getComputedStyle(e)
  if (e.scrollWidth>e.clientWidth+1 && /auto|scroll/.test(s.overflowX)) { e.tabIndex = 0; if (e.tagName!=='TABLE') { e.role = 'group'; e.ariaLabel = 'scrolls sideways' } }
})
addEventListener('load', () => { reach(); setTimeout(reach, 300) })
addEventListener('resize', reach)
addEventListener('beforeprint', () => document.querySelectorAll('main details').forEach(d => d.open = true))
