//! Where is looked for devices: the subnets that this machine is a member of, or those that were named.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
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

/// The widest that may be named, which takes about ten minutes.
const WIDEST_NAMED: u8 = 16;

/// How many addresses are asked at once: a /24. More would fill the kernel's table of neighbours.
pub(super) const AT_ONCE: usize = 256;

/// Who has to wait for longer is told so.
const LONG: Duration = Duration::from_secs(15);

/// Where is looked, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Every address of these is asked.
    pub(crate) subnets: Vec<Ipv4Net>,
    /// Whoever announces itself is asked in these only: as a rule those above, or wider ones that they are a part of.
    pub(crate) near: Vec<Ipv4Net>,
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
        Self { near: subnets.clone(), subnets, port: PORT, within: WITHIN, announced: false, remarks: Vec::new() }
    }

    fn of(networks: impl Iterator<Item = Membership>) -> Self {
        let (mut subnets, mut near, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
        for Membership { interface, own } in networks {
            near.push(own.trunc());
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
        Self { near, announced: true, remarks, ..Self::named(subnets) }
    }

    /// Whether an address that somebody announces is one of this machine's own networks.
    pub(super) fn is_near(&self, address: IpAddr) -> bool {
        self.near.iter().any(|network| IpNet::from(*network).contains(&address))
    }

    /// How long asking every address takes at most, where that is more than a moment.
    pub(crate) fn long(&self) -> Option<Duration> {
        let parts = self.addresses().len().div_ceil(AT_ONCE);
        let time = self.within * u32::try_from(parts).unwrap_or(u32::MAX);
        (time > LONG).then_some(time)
    }

    /// Every address that is asked, each once.
    pub(super) fn addresses(&self) -> Vec<Ipv4Addr> {
        let mut all: Vec<Ipv4Addr> = self.subnets.iter().flat_map(Ipv4Net::hosts).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// A network as it is named on the command line.
///
/// # Errors
/// When it is none, or too wide to ask every address of.
pub(crate) fn network(text: &str) -> Result<Ipv4Net, String> {
    let network: Ipv4Net = text.parse().map_err(|error| format!("{error}"))?;
    if network.prefix_len() < WIDEST_NAMED {
        let addresses = 1_u64 << (32 - network.prefix_len());
        return Err(format!(
            "it has {addresses} addresses, which would take hours: name parts of it, /16 at the widest"
        ));
    }
    Ok(network)
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
