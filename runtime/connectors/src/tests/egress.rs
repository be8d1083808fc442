//! Where a connector may not reach, in every spelling we know.

use super::provider::Provider;
use super::support::{connector, failure, http, operation, probe};
use crate::egress::base_url;
use std::net::IpAddr;
use tradewind_engine::egress::admit;
use tradewind_engine::ports::{CallOutcome, Connectors};
use tradewind_lang::value::Value;

const REFUSED: &[&str] = &[
    // Loopback that does not look like it
    "http://2130706433/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.1./",
    "http://127.0.0.01/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::0001]/",
    "http://127.0.0\t.1/",
    "http:\\\\127.0.0.1/",
    "http:127.0.0.1/",
    "http:///127.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    // Private
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://167772161/",
    "http://012.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://192.168.257/",
    "http://3232235777/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    // Metadata and link-local
    "http://169.254.169.254/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://169.254.170.2/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[febf::1]/",
    // Multicast, reserved, documentation, benchmarks
    "http://224.0.0.1/",
    "http://239.255.255.255/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://192.0.2.1/",
    "http://198.51.100.1/",
    "http://203.0.113.9/",
    "http://192.88.99.1/",
    // IPv4 inside IPv6
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:7f00:0001]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::8.8.8.8]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001::1]/",
    "http://[2001:0:53aa:64c::1]/",
    // Other IPv6
    "http://[fc00::1]/",
    "http://[fdff::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://[4000::1]/",
    // User names, other schemes, no host
    "http://shop.example@127.0.0.1/",
    "http://127.0.0.1@shop.example/",
    "http://user:pw@shop.example/",
    "http://@shop.example/",
    "file:///etc/passwd",
    "ftp://shop.example/",
    "gopher://shop.example/",
    "unix:///run/docker.sock",
    "shop.example",
    "http://",
    "",
    "https://shop.example/?a=b",
    "https://shop.example/#a",
];

#[tokio::test]
async fn inner_addresses_are_refused_in_every_spelling() {
    let http = http();
    for base in REFUSED {
        let failure = failure(http.call(probe("POST", base)).await);
        assert_eq!((failure.code.as_str(), failure.retry), ("egress", false), "{base}: {}", failure.message);
    }
}

#[test]
fn public_and_plainly_local_addresses_are_not() {
    for base in [
        "https://api.payments.example/v1",
        "http://8.8.8.8/",
        "https://1.1.1.1:8443",
        "https://[2606:4700::1111]/x",
        "http://172.32.0.1",
        "http://100.128.0.1",
        "http://127.0.0.1:7411/shop",
        "http://127.0.0.9",
        "http://[::1]:7411/shop",
        "http://localhost:7411",
    ] {
        assert!(base_url(base, &[]).is_ok(), "{base}: {:?}", base_url(base, &[]));
    }
}

#[test]
fn only_declared_hosts_are_reached() {
    let hosts = ["api.shop.example".to_owned(), "Eu.Shop.Example".to_owned()];
    for base in ["https://api.shop.example/v2", "https://eu.shop.example", "https://API.SHOP.EXAMPLE"] {
        assert!(base_url(base, &hosts).is_ok(), "{base}");
    }
    for base in [
        "https://shop.example",
        "https://api.shop.example.evil.example",
        "https://evil-api.shop.example",
        "https://api.shop.example.",
        "http://127.0.0.1",
    ] {
        assert!(base_url(base, &hosts).is_err(), "{base}");
    }
}

#[test]
fn a_star_means_every_host_below_and_nothing_else() {
    let hosts = ["*.shop.example".to_owned()];
    for base in ["https://a.shop.example/v2", "https://b.a.shop.example", "https://A.SHOP.EXAMPLE"] {
        assert!(base_url(base, &hosts).is_ok(), "{base}");
    }
    for base in ["https://shop.example", "https://evilshop.example", "https://.shop.example", "https://shop.example.evil.example"] {
        assert!(base_url(base, &hosts).is_err(), "{base}");
    }
    for declared in ["*", "*.", "*shop.example"] {
        assert!(base_url("https://a.shop.example", &[declared.to_owned()]).is_err(), "{declared}");
    }
}

#[test]
fn a_name_may_not_lead_inward() {
    let to = |name: &str, addresses: &[&str]| admit(name, addresses.iter().map(|address| address.parse::<IpAddr>().unwrap())).is_ok();
    assert!(to("shop.example", &["93.184.216.34", "2606:2800:220:1::1"]));
    assert!(to("localhost", &["127.0.0.1", "::1"]));
    for address in ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "fd00::1", "100.64.0.1"] {
        assert!(!to("shop.example", &[address]), "{address}");
        assert!(!to("shop.example", &["93.184.216.34", address]), "one bad address among good ones: {address}");
    }
    for name in ["localhost.", "a.localhost", "localhost.shop.example"] {
        assert!(!to(name, &["127.0.0.1"]), "{name}");
    }
    assert!(!to("localhost", &["192.168.0.1"]), "not even localhost may be of another machine");
}

#[tokio::test]
async fn a_name_of_this_machine_is_reached_only_as_localhost() {
    let provider = Provider::answering("200 OK", "", "{}").await;
    let port = provider.url.rsplit(':').next().unwrap();
    let outcome = http().call(probe("GET", &format!("http://localhost:{port}"))).await;
    assert_eq!(outcome, CallOutcome::Answered(Value::record([])));
    // However this machine resolves it, it does not arrive.
    failure(http().call(probe("GET", &format!("http://localhost.:{port}"))).await);
    assert_eq!(provider.seen(), 1);
}

#[tokio::test]
async fn a_path_cannot_change_the_host() {
    let provider = Provider::answering("200 OK", "", "{}").await;
    for path in ["//evil.example/x", "/..", "/a/../b", "/a/./b", "/%2e%2e/b", "/a b", "/a\\b", "@evil.example/", "?x=1", ""] {
        let call = super::support::call(connector("shop", &provider.url), operation("GET", path), Value::record([]), "");
        match http().call(call).await {
            CallOutcome::Failed(failure) => assert!(matches!(failure.code.as_str(), "egress" | "request"), "{path}: {failure:?}"),
            // Two slashes are an empty segment of the same host.
            CallOutcome::Answered(_) => assert_eq!(path, "//evil.example/x"),
            other => panic!("{path}: {other:?}"),
        }
    }
    assert_eq!(provider.seen(), 1);
}
