#define Q ' + 1
// error: 1:11: the character "'" does not belong in P4
