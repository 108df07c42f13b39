"""Measures process start → first answer, the tutorial's flow, resident memory after it, and the size of the binary."""

import os
import re
import socket
import statistics
import subprocess
import sys
import time

AZLET = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2])


def median_ms(measure):
    return statistics.median(measure() for _ in range(ROUNDS)) * 1000


def floor():
    begun = time.perf_counter()
    subprocess.run([AZLET, "--version"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def first_answer():
    """From the start of `azlet up` to the first byte of an answer to GET /_azlet/health."""
    port = free_port()
    state = f"/tmp/azlet-bench-{os.getpid()}"
    begun = time.perf_counter()
    process = subprocess.Popen(
        [AZLET, "up", "--listen", f"127.0.0.1:{port}", "--state", state], stdout=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(b"GET /_azlet/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                    answer = connection.recv(64)
                    assert answer.startswith(b"HTTP/1.1 200"), answer
                    return time.perf_counter() - begun
            except ConnectionRefusedError:
                if process.poll() is not None:
                    sys.exit("azlet up ended before it answered")
    finally:
        process.terminate()
        process.wait()
        subprocess.run(["rm", "-rf", state], check=True)


def tutorial():
    """The flow's own time, as it prints it, and the most memory that its process held."""
    process = subprocess.Popen([AZLET, "tutorial"], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return None
    flow = float(re.search(r"([0-9.]+) ms once started", output).group(1))
    return flow, usage.ru_maxrss / 1024


def report(what, value, unit, budget, floor_value=None):
    verdict = "within" if value <= budget else "OVER"
    ratio = f", {value / floor_value:.1f} × the floor" if floor_value else ""
    print(f"{what:<42} {value:8.1f} {unit:<3}  {verdict} the budget of {budget} {unit}{ratio}")


def main():
    floor_ms = median_ms(floor)
    print(f"medians of {ROUNDS} rounds")
    print(f"{'floor: azlet --version':<42} {floor_ms:8.1f} ms")
    report("process start to first answer", median_ms(first_answer), "ms", 15, floor_ms)
    runs = [tutorial() for _ in range(ROUNDS)]
    if None in runs:
        print("the tutorial did not end well: run `azlet tutorial`")
    else:
        report("tutorial, once started", statistics.median(flow for flow, _ in runs), "ms", 150)
        # The peak of the process, the thin client in it included: no less than what is resident at its end.
        report("memory of the tutorial's process, at most", statistics.median(rss for _, rss in runs), "MiB", 32)
    report("size of the binary", os.path.getsize(AZLET) / 2**20, "MiB", 15)


main()
