//! PostgreSQL's binary form of network addresses, read as the text that the server would show.

use std::net::{Ipv4Addr, Ipv6Addr};

const IPV4: u8 = 2;
const IPV6: u8 = 3;

/// Returns the text of an `inet`, `cidr` or hardware address.
#[must_use]
pub fn to_text(bytes: &[u8]) -> Option<String> {
    match bytes {
        [IPV4, bits, is_cidr, 4, address @ ..] => {
            let address = Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?);
            Some(with_bits(&address.to_string(), *bits, 32, *is_cidr))
        }
        [IPV6, bits, is_cidr, 16, address @ ..] => {
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?);
            Some(with_bits(&address.to_string(), *bits, 128, *is_cidr))
        }
        _ if matches!(bytes.len(), 6 | 8) => {
            let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(parts.join(":"))
        }
        _ => None,
    }
}

fn with_bits(address: &str, bits: u8, all: u8, is_cidr: u8) -> String {
    if bits == all && is_cidr == 0 { String::from(address) } else { format!("{address}/{bits}") }
}
