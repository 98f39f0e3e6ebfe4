//! What a confined command reaches.

use crate::house::{House, has, ran, sandbox};
use brisk_sandbox::{Confined, Mechanism, Network};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Connects and says what came of it.
fn tcp(port: u16) -> String {
    format!(
        "use Socket; socket(S, AF_INET, SOCK_STREAM, 0) or die; \
         print connect(S, sockaddr_in({port}, inet_aton('127.0.0.1'))) ? 'connected' : 'refused'"
    )
}

#[tokio::test]
async fn the_network_of_the_machine_is_out_of_reach() {
    let Some(sandbox) = sandbox() else { return };
    if !has("/usr/bin/perl") {
        return;
    }
    let house = House::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let script = tcp(listener.local_addr().unwrap().port());
    for (network, want) in [(Network::None, "refused"), (Network::Host, "connected")] {
        let confined = Confined {
            network,
            ..house.command(&["/usr/bin/perl", "-e", &script])
        };
        assert_eq!(ran(sandbox, confined).await.good(), want, "{network:?}");
    }
    let out = ran(
        sandbox,
        house.script("cat /proc/net/route | wc -l; cut -d: -f1 /proc/net/dev | tail -n +3"),
    )
    .await;
    assert_eq!(out.good().split_whitespace().collect::<Vec<_>>(), ["1", "lo"]);
}

#[tokio::test]
async fn a_loopback_of_its_own_works() {
    let Some(sandbox) = sandbox() else { return };
    if !has("/usr/bin/perl") {
        return;
    }
    let script = "use Socket; socket(L, AF_INET, SOCK_STREAM, 0) or die; bind(L, sockaddr_in(0, INADDR_LOOPBACK)) or die; \
                  listen(L, 1) or die; socket(S, AF_INET, SOCK_STREAM, 0) or die; \
                  print connect(S, getsockname(L)) ? 'connected' : $!";
    let house = House::new();
    let out = ran(sandbox, house.command(&["/usr/bin/perl", "-e", script]))
        .await
        .good();
    assert_eq!(out, "connected");
}

#[tokio::test]
async fn sockets_without_a_path_are_out_of_reach() {
    let Some(sandbox) = sandbox() else { return };
    if !has("/usr/bin/perl") {
        return;
    }
    let house = House::new();
    let name = format!("brisk-test-{}", house.work().display());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let script = format!(
        r#"use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0) or die;
           print connect(S, pack("Sa*", AF_UNIX, "\0{name}")) ? "connected" : "refused""#
    );
    let command = |network| Confined {
        network,
        ..house.command(&["/usr/bin/perl", "-e", &script])
    };
    let own = sandbox.clone().without(Mechanism::Landlock);
    assert_eq!(
        ran(&own, command(Network::None)).await.good(),
        "refused",
        "by the namespace alone"
    );
    assert_eq!(
        ran(&own, command(Network::Host)).await.good(),
        "connected",
        "the case shows something"
    );
    assert_eq!(ran(sandbox, command(Network::None)).await.good(), "refused");
    if sandbox.landlock() >= 6 {
        assert_eq!(
            ran(sandbox, command(Network::Host)).await.good(),
            "refused",
            "by Landlock alone"
        );
    } else {
        println!(
            "SKIPPED: Landlock {} knows nothing of sockets",
            sandbox.landlock()
        );
    }
}
