#include nowhere
// error: 1:2: #include needs "file" or <file>
