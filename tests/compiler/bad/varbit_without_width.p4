header h { varbit f; }
// error: 1:12: varbit needs a maximum width: varbit<W>
