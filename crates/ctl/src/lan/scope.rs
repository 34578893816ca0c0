//! Where is looked for devices: the subnets that this machine is a member of, or those that were named.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::Ipv4Net;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;

use crate::error::CtlError;

use super::PORT;

/// How long looking takes where nothing else is asked for.
const WITHIN: Duration = Duration::from_secs(3);

/// The widest subnet that is looked at as a whole: 1022 addresses.
const WIDEST: u8 = 22;

/// What is looked at of a wider one: the part around the own address.
const PART: u8 = 24;

/// Where is looked, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Every address of these is asked.
    pub(crate) subnets: Vec<Ipv4Net>,
    /// At this port.
    pub(crate) port: u16,
    /// How long in all.
    pub(crate) within: Duration,
    /// Whether announcements are listened to as well.
    pub(crate) announced: bool,
    /// What a person should know of what is not looked at, a sentence each.
    pub(crate) remarks: Vec<String>,
}

impl Scope {
    /// Every network that this machine is a member of.
    ///
    /// # Errors
    /// When the system does not say which these are.
    pub(crate) fn here() -> Result<Self, CtlError> {
        let interfaces = getifaddrs().map_err(|error| {
            CtlError::Usage(format!("failed to list the network interfaces: {error}: name a network with --subnet"))
        })?;
        Ok(Self::of(interfaces.filter_map(|interface| own_network(&interface))))
    }

    /// Exactly these networks.
    pub(crate) fn named(subnets: Vec<Ipv4Net>) -> Self {
        Self { subnets, port: PORT, within: WITHIN, announced: false, remarks: Vec::new() }
    }

    fn of(networks: impl Iterator<Item = Membership>) -> Self {
        let (mut subnets, mut remarks) = (Vec::new(), Vec::new());
        for Membership { interface, own } in networks {
            let subnet = if own.prefix_len() < WIDEST {
                let part = Ipv4Net::new_assert(own.addr(), PART).trunc();
                let all = own.trunc();
                remarks.push(format!(
                    "{interface} is in {all}, of which only {part} is looked at: name more with --subnet"
                ));
                part
            } else {
                own.trunc()
            };
            if !subnets.contains(&subnet) {
                subnets.push(subnet);
            }
        }
        Self { announced: true, remarks, ..Self::named(subnets) }
    }

    /// Every address that is asked, each once.
    pub(super) fn addresses(&self) -> Vec<Ipv4Addr> {
        let mut all: Vec<Ipv4Addr> = self.subnets.iter().flat_map(Ipv4Net::hosts).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// An interface's part in a network.
struct Membership {
    interface: String,
    own: Ipv4Net,
}

fn own_network(interface: &InterfaceAddress) -> Option<Membership> {
    let flags = interface.flags;
    let usable = flags.contains(InterfaceFlags::IFF_UP)
        && !flags.intersects(InterfaceFlags::IFF_LOOPBACK | InterfaceFlags::IFF_POINTOPOINT);
    if !usable {
        return None;
    }
    let address = interface.address.as_ref()?.as_sockaddr_in()?.ip();
    let mask = interface.netmask.as_ref()?.as_sockaddr_in()?.ip();
    let own = Ipv4Net::with_netmask(address, mask).ok()?;
    Some(Membership { interface: interface.interface_name.clone(), own })
}

#[cfg(test)]
mod tests;
