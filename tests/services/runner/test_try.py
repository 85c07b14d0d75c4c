import asyncio, sys, os, time
from pathlib import Path
from services.runner.sandbox.choose import choose
from services.runner.sandbox.find_cgroup import find_groups
from services.runner.sandbox.box import Spec
async def test_x(tmp_path):
    groups, why = find_groups("t1"); print(groups, why)
    py=os.path.realpath(sys._base_executable)
    for wanted in ("auto","process"):
      for g in (groups,None):
        c = await choose(wanted, tmp_path, g, {"python":py,"sh":"/bin/sh"}); print(c)
        for i in range(3):
            w=tmp_path/f"w{wanted}{i}{g is None}"; w.mkdir()
            t=time.perf_counter()
            r=await c.sandbox.start(Spec(w.name,(py,"-c","import os;print(os.getuid(),os.getpid(),os.environ);open('/tmp/x','w');x=bytearray(50000000);[i*i for i in range(1000000)];import sys;sys.exit(7)"),w,w,env={"A":"b"},base_env={"PATH":"/usr/bin:/bin"}))
            e=await r.wait()
            await r.kill(0)
            print(e, os.read(r.stdout,1000), os.read(r.stderr,1000), r.gone(), r.usage(), r.oom(), time.perf_counter()-t)
            r.close()
