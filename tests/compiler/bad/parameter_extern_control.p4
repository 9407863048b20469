control inner();
extern ex {
    ex(inner c);
}
// error: 3:5: the parameter 'c' of an extern cannot have the type inner
