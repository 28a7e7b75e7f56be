"""Compute the average of random numbers on several machines: each member draws some, and rank 0 collects their sums.

A real program would let its framework connect the members, with the same address: for example PyTorch with
``init_process_group(init_method=f"tcp://{master}:29500", rank=rank, world_size=size)``.
"""

import argparse
import json
import math
import os
import random
import socket
import time
from pathlib import Path

PORT = int(os.environ.get("AVERAGE_PORT", "29500"))

parser = argparse.ArgumentParser()
parser.add_argument("--numbers", type=int)
numbers = parser.parse_args().numbers

with Path(os.environ["VH_CONFIG_DIR"], "distributed.json").open() as file:
    group = json.load(file)
rank, size = int(group["self"]["member_id"]), group["config"]["required_count"]
master = next(member for member in group["members"] if member["member_id"] == "0")
address = master["network"]["local_ips"][0], PORT

generator = random.Random(rank)  # noqa: S311 - not secret
own = sum(generator.random() for _ in range(numbers))
print(f"member {rank} of {size} has drawn {numbers} numbers")

if rank == 0:
    sums = [own]
    with socket.create_server(("", PORT)) as server:
        for _ in range(size - 1):
            connection, _ = server.accept()
            with connection, connection.makefile() as received:
                sums.append(float(received.readline()))
    average = math.fsum(sums) / (size * numbers)  # in whatever order they came
    Path(os.environ["VH_OUTPUTS_DIR"], "average.txt").write_text(f"{average:.6f}\n")
    print(json.dumps({"average": average}))
else:
    for _ in range(600):  # until rank 0 listens
        try:
            connection = socket.create_connection(address, timeout=5)
        except OSError:
            time.sleep(0.1)
        else:
            break
    with connection:
        connection.sendall(f"{own}\n".encode())
