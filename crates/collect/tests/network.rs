//! The rules of sockets and pipes one by one, on a machine that is made up.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::machine::Machine;
use sysflow_collect::{Config, Generation};
use sysflow_event::network::{Address, Connect, Direction, Tuple};
use sysflow_event::{Operation, Phase};

fn clean() -> Machine<common::machine::Words> {
    Machine::new(Config::default())
}

fn strict() -> Machine<common::machine::Words> {
    Machine::new(Config::strict(Generation::Libs017))
}

#[test]
fn connections_have_the_client_first() {
    let mut machine = clean();
    machine.socket(10, 3, 2, 1);
    machine.connect(10, 3, 0, "10.0.0.1:5000", "10.0.0.2:80");
    machine.transfer(10, 3, Direction::Out, 4);
    machine.close(10, 3);
    machine.accept(10, 4, true, "10.0.0.9:6000", "10.0.0.1:22");
    machine.close(10, 4);
    assert_eq!(
        machine.told(),
        [
            "NF CONNECT|CLOSE|WRITE 10 fd 3 10.0.0.1:5000 -> 10.0.0.2:80 proto 6 in 0/0 out 1/4 ret 0",
            "NF ACCEPT|CLOSE 10 fd 4 10.0.0.9:6000 -> 10.0.0.1:22 proto 6 in 0/0 out 0/0 ret 0",
        ]
    );
    // The original does not know this form of accept.
    let mut machine = strict();
    machine.accept(10, 4, true, "10.0.0.9:6000", "10.0.0.1:22");
    machine.close(10, 4);
    assert_eq!(
        machine.told(),
        ["NF CLOSE 10 fd 4 10.0.0.9:6000 -> 10.0.0.1:22 proto 6 in 0/0 out 0/0 ret 0"]
    );
}

#[test]
fn a_failed_connection_says_so() {
    let mut machine = clean();
    machine.socket(10, 3, 2, 1);
    machine.connect(10, 3, -111, "0.0.0.0:0", "10.0.0.2:80");
    machine.close(10, 3);
    assert_eq!(
        machine.told(),
        ["NF CONNECT|CLOSE 10 fd 3 0.0.0.0:0 -> 10.0.0.2:80 proto 6 in 0/0 out 0/0 ret -111"]
    );
}

#[test]
fn ipv6_is_recorded_and_disguised_ipv4_is_ipv4() {
    for (machine, is_recorded) in [(&mut clean(), true), (&mut strict(), false)] {
        machine.accept(10, 4, false, "[2001:db8::1]:6000", "[2001:db8::2]:443");
        machine.close(10, 4);
        let expected =
            "NF ACCEPT|CLOSE 10 fd 4 2001:db8::1:6000 -> 2001:db8::2:443 proto 6 in 0/0 out 0/0 ret 0".to_owned();
        assert_eq!(
            machine.told(),
            if is_recorded { vec![expected] } else { vec![] }
        );
        machine.accept(
            10,
            5,
            false,
            "[::ffff:10.0.0.9]:6000",
            "[::ffff:10.0.0.1]:443",
        );
        machine.close(10, 5);
        assert_eq!(
            machine.told(),
            ["NF ACCEPT|CLOSE 10 fd 5 10.0.0.9:6000 -> 10.0.0.1:443 proto 6 in 0/0 out 0/0 ret 0"]
        );
    }
}

#[test]
fn datagrams_have_a_flow_for_each_peer() {
    let mut machine = clean();
    machine.socket(10, 3, 2, 2);
    for peer in ["10.0.0.8:53", "10.0.0.9:53", "10.0.0.8:53"] {
        let tuple = Tuple::Internet {
            source: "10.0.0.1:4000".parse().unwrap(),
            destination: peer.parse().unwrap(),
        };
        machine.transfer_with(10, 3, Direction::Out, 10, Some(tuple));
    }
    machine.close(10, 3);
    assert_eq!(
        machine.told(),
        [
            "NF CLOSE|SEND 10 fd 3 10.0.0.1:4000 -> 10.0.0.8:53 proto 17 in 0/0 out 2/20 ret 0",
            "NF SEND|TRUNCATE 10 fd 3 10.0.0.1:4000 -> 10.0.0.9:53 proto 17 in 0/0 out 1/10 ret 0",
        ]
        .map(|words| words.replace("SEND", "WRITE"))
    );
}

#[test]
fn pipes_are_told_apart() {
    let mut machine = clean();
    machine.pipe(10, 3, 4, 1234);
    machine.transfer(10, 4, Direction::Out, 1);
    machine.close(10, 4);
    assert_eq!(
        machine.told(),
        ["FF CLOSE|WRITE 10 fd 4 pipe:[1234] in 0/0 out 1/1"]
    );
    let mut machine = strict();
    machine.pipe(10, 3, 4, 1234);
    machine.close(10, 4);
    assert_eq!(machine.told(), ["FF CLOSE 10 fd 4  in 0/0 out 0/0"]);
}

#[test]
fn unix_sockets_bear_both_ends() {
    let path: &[u8] = b"/run/log";
    let tuple = Some(Tuple::Unix {
        source: 0xffff_8800,
        peer: 0xffff_8900,
        path,
    });
    let connect = |result| {
        let connect = Connect {
            fd: Some(3),
            address: Some(Address::Unix(path)),
            tuple: tuple.filter(|_| result == 0),
        };
        (result, Operation::Connect(connect))
    };
    let mut machine = clean();
    machine.socket(10, 3, 1, 1);
    for result in [-111, 0] {
        let (result, operation) = connect(result);
        machine.end(10, result, operation);
    }
    machine.transfer(10, 3, Direction::Out, 9);
    machine.close(10, 3);
    assert_eq!(
        machine.told(),
        [
            "FF CONNECT|TRUNCATE 10 fd 3 /run/log in 0/0 out 0/0",
            "FF CONNECT|CLOSE|WRITE 10 fd 3 ffff8800->ffff8900 /run/log in 0/0 out 1/9",
        ]
    );
}

#[test]
fn the_original_names_a_failed_unix_socket_after_another() {
    let mut machine = strict();
    machine.socket(10, 3, 1, 1);
    let begin = |fd| {
        Operation::Connect(Connect {
            fd: Some(fd),
            address: None,
            tuple: None,
        })
    };
    machine.event(Phase::Begin, 10, None, begin(3));
    machine.end(
        10,
        0,
        Operation::Connect(Connect {
            fd: Some(3),
            address: None,
            tuple: Some(Tuple::Unix {
                source: 0xa,
                peer: 0xb,
                path: b"/dev/log",
            }),
        }),
    );
    machine.socket(10, 4, 1, 1);
    machine.event(Phase::Begin, 10, None, begin(4));
    machine.end(10, -2, begin(4));
    machine.close(10, 4);
    assert_eq!(
        machine.told(),
        ["FF CONNECT|CLOSE 10 fd 4 a->b /dev/log in 0/0 out 0/0"]
    );
}

#[test]
fn descriptors_that_came_by_message_are_not_guessed() {
    let mut machine = clean();
    // Nobody tells which descriptor a message brought along.
    machine.transfer(10, 7, Direction::In, 3);
    machine.close(10, 7);
    assert!(machine.told().is_empty());
    assert_eq!(machine.collector.statistics().unknown_descriptors, 2);
    machine.collector.rotate("next");
    assert_eq!(
        machine.told(),
        ["LOSS operation its descriptor is not known 2"]
    );
}
