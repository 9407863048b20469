const string S = "abc;
// error: 1:18: the string is not closed on its line
