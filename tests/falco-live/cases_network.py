"""Rules about connections of programs on a host. All addresses are this machine's, in a network of the test's own."""

from case import case, host

OUTSIDE = "203.0.113.7"
INSIDE = "10.1.2.3"
INBOUND = "Unexpected inbound connection source"

case(
    "Disallowed SSH Connection Non Standard Port",
    host(f"@ssh do connect tcp {OUTSIDE} 443"),
    [
        host(f"@ssh do connect tcp {OUTSIDE} 22"),
        host(f"@client do connect tcp {OUTSIDE} 443"),
        host(f"@ssh do connect tcp {INSIDE} 443"),
    ],
)
case(
    "System procs network activity",
    [host(f"@sort do connect tcp {INSIDE} 80"), host(f"@bash do connect tcp {INSIDE} 80")],
    [host(f"@client do connect tcp {INSIDE} 80"), host("@sort do connect tcp 127.0.0.1 80")],
)
case(
    "Unexpected UDP Traffic",
    host(f"@client do connect udp {INSIDE} 5000"),
    [host(f"@client do connect udp {INSIDE} 53"), host(f"@client do connect tcp {INSIDE} 5000")],
)
case(
    INBOUND,
    host("@server do accept 0.0.0.0 7000", client=(OUTSIDE, 7000)),
    host("@server do accept 0.0.0.0 7000", client=(INSIDE, 7000)),
)
case(
    "Interpreted procs inbound network activity",
    host("@ruby do accept 0.0.0.0 7000", client=(INSIDE, 7000)),
    host("@server do accept 0.0.0.0 7000", client=(INSIDE, 7000)),
)
case(
    "Interpreted procs outbound network activity",
    [host(f"@ruby do connect tcp {OUTSIDE} 80"), host(f"@ruby do send {OUTSIDE} 123")],
    [host(f"@client do connect tcp {OUTSIDE} 80"), host(f"@ruby do connect tcp {INSIDE} 80")],
)
case(
    "Detect outbound connections to common miner pool ports",
    host(f"@worker do resolve ca.minexmr.com 198.51.100.53 , connect tcp {OUTSIDE} 3333"),
    [
        host(f"@worker do resolve ca.minexmr.com 198.51.100.53 , connect tcp {OUTSIDE} 22"),
        host("@worker do resolve www.example.org 198.51.100.53 , connect tcp 203.0.113.8 3333"),
    ],
)
case(
    "Java Process Class File Download",
    host(f"@java do fetch {INSIDE} 9001"),
    [host(f"@java do fetch {INSIDE} 9002"), host(f"@client do fetch {INSIDE} 9001")],
)
