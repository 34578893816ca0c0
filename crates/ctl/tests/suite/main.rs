//! belayctl against the real thing: a live server, real agents on sandbox roots, networks of several hosts.

mod support;
