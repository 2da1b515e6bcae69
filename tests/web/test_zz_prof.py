import cProfile, pstats, time
from tests.web.test_matrix import *
def test_prof(desk):
    row=next(r for r in TABLE if r.name=="room")
    for v in ("prescriber","stranger","lead","past_nurse"):
        desk.ask(v,"GET","/room/%s"%uuid4())
    n=0
    t=time.time()
    p=cProfile.Profile(); p.enable()
    for _ in range(30):
        for v in ("prescriber","stranger","lead","past_nurse"):
            desk.ask(v,"GET","/room/%s"%uuid4()); n+=1
    p.disable()
    print("per", (time.time()-t)/n*1000,"ms")
    pstats.Stats(p).sort_stats("tottime").print_stats(22)
    pstats.Stats(p).sort_stats("cumtime").print_stats(50)
