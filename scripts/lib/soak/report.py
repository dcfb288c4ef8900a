"""What a soak prints at its end."""

from control import milliseconds, table
from clients import KEPT

SHOWN = 20


def show(soak, seconds):
    account = soak.account
    print()
    print("\n".join(table(
        ["deploys", "ended as", "count"],
        [(what, outcome, count) for (what, outcome), count in sorted(soak.results.items(), key=lambda item: (item[0][0] != "good", item))])))
    print(f"and {len(soak.rollbacks)} rollbacks, {soak.restarts} times restart.txt touched, in {seconds / 60:.1f} minutes")
    print()
    print("\n".join(table(
        ["requests", "count", "failed", "usual", "p99", "errors of broken versions", "lost with dying workers", "streams ended by a drain"],
        [_kind(account, kind) for kind in sorted(account.requests)] + [_all(account)])))
    print()
    _times(soak)
    print()
    for complaint in account.complaints[:SHOWN]:
        print(f"FAILED: {complaint}")
    if len(account.complaints) > SHOWN:
        print(f"and {len(account.complaints) - SHOWN} more")
    requests = sum(account.requests.values())
    if account.complaints:
        print(f"{len(account.complaints)} failures ({sum(account.failed.values())} of {requests} requests)")
    else:
        print(f"{requests} requests, none failed, none answered by a version that was not live, no stream cut out of time.")


def _kind(account, kind):
    times = account.by_kind[kind]
    return (
        kind, account.requests[kind], account.failed[kind], milliseconds(times.quantile(0.5) * 1e3), milliseconds(times.quantile(0.99) * 1e3),
        account.own_errors[kind], account.lost_with_workers[kind], account.cut[kind])


def _all(account):
    return ("all", sum(account.requests.values()), sum(account.failed.values()), "", "", *(
        sum(counts.values()) for counts in (account.own_errors, account.lost_with_workers, account.cut)))


def _times(soak):
    account = soak.account
    added = sorted(added for _, added in account.switches if added is not None)
    if added:
        print(f"Worst added latency of {KEPT}, by switch ({len(added)}): median {_ms(_quantile(added, 0.5))}, "
              f"p90 {_ms(_quantile(added, 0.9))}, worst {_ms(added[-1])}")
    inside, outside = account.inside.quantile(0.99), account.outside.quantile(0.99)
    if outside:
        print(f"p99 of {KEPT}: {_ms(inside)} during deploys ({account.inside.count} requests), {_ms(outside)} outside "
              f"({account.outside.count}): {inside / outside:.2f} times (goal: at most 1.1)")
    if soak.rollbacks:
        times = sorted(soak.rollbacks)
        print(f"Rollback, from the command to the first answer of the old version ({len(times)}): median {_ms(_quantile(times, 0.5))}, "
              f"worst {_ms(times[-1])} (goal: under 50 ms)")


def _quantile(ordered, part):
    return ordered[round(part * (len(ordered) - 1))]


def _ms(seconds):
    return milliseconds(seconds * 1e3)
