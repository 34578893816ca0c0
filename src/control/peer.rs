//! Who is at the other end of a connection.

use std::net::SocketAddr;

use nix::unistd::{Gid, Group, Uid, User};

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A process on this device that may use the socket.
    Member {
        /// Its user.
        uid: u32,
    },
    /// A process on this device that may not.
    Stranger {
        /// Its user.
        uid: u32,
    },
    /// A TCP peer.
    Tcp {
        /// Its address.
        remote: SocketAddr,
        /// The address at which it reached this device.
        local: SocketAddr,
    },
}

/// Who may use the socket: root, the daemon's own user, and the members of one group.
#[derive(Debug, Clone)]
pub(super) struct Membership {
    own: Uid,
    group: String,
}

impl Membership {
    pub(super) fn new(group: &str) -> Self {
        Self { own: Uid::effective(), group: group.to_owned() }
    }

    /// Judges a process by the user and group that the kernel vouches for.
    ///
    /// The group is looked up each time, so that `usermod -aG` needs no restart.
    pub(super) fn judge(&self, uid: u32, gid: u32) -> Peer {
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
        let trusted = user.is_root() || user == self.own || self.has_member(user, group);
        if trusted { Peer::Member { uid } } else { Peer::Stranger { uid } }
    }

    fn has_member(&self, user: Uid, primary: Gid) -> bool {
        let Ok(Some(group)) = Group::from_name(&self.group) else { return false };
        let name = || User::from_uid(user).ok().flatten().map(|user| user.name);
        group.gid == primary || name().is_some_and(|name| group.mem.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: u32 = 65_534;

    #[test]
    fn root_and_the_daemons_own_user_may_use_the_socket() {
        let membership = Membership { own: Uid::from_raw(1234), group: "no-such-group".into() };
        assert_eq!(membership.judge(0, 0), Peer::Member { uid: 0 });
        assert_eq!(membership.judge(1234, 1234), Peer::Member { uid: 1234 });
        assert_eq!(membership.judge(NOBODY, NOBODY), Peer::Stranger { uid: NOBODY });
    }

    #[test]
    fn a_group_lets_in_those_who_have_it_as_their_own_and_nobody_else() {
        let group = Group::from_name("daemon").unwrap().expect("every Debian has the group daemon");
        let membership = Membership { own: Uid::from_raw(1234), group: "daemon".into() };
        assert_eq!(membership.judge(4711, group.gid.as_raw()), Peer::Member { uid: 4711 });
        assert_eq!(membership.judge(4711, 4711), Peer::Stranger { uid: 4711 });
    }
}
