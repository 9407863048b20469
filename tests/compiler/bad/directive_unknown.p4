#frobnicate
// error: 1:2: unknown directive '#frobnicate'
