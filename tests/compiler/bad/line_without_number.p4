#line "here"
// error: 1:2: #line needs a line number
