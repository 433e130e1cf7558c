import sys
sys.path[:0]=["tests","tests/end_to_end"]
from derive import Statement, derive
import reading, time
for n in sys.argv[1:]:
    t=time.time()
    d=derive(Statement.from_file(f"examples/{n}.eq"))
    try:
        print(n, reading.check_page(d), round(time.time()-t,1))
    except Exception as e:
        import traceback; traceback.print_exc(limit=-2); print(n, "FAILED", type(e).__name__, str(e)[:600])
