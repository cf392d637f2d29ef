package reader

// Help is what the help of both flows commands says of the filter and the flags that both have.
var Help = `The filter chooses flows in the language of ra: host, net and port (with src or dst before them), proto or the name of a protocol,
states (syn, reset, con, int, ...), vid, srcid, inf, comparisons (bytes gt 1000), and, or, not, ( ). docs/filter.md has the whole of it.
` + wordsHelp() + `
-t takes times as ra does: 14 or 14:10 (today), 21.14:10, 11/21, 2026/11/21.14:10:30, 2026/11, seconds since 1970; from-to, from+5m; -10m
and -2h+5m count back from now; * stands for any value; x in front for the contrary. A range ends when its second time begins.
-m and --bins add records up, as racluster and rabins do; --sort, -N and --count are rasort and racount. A file that -w names is continued.`
