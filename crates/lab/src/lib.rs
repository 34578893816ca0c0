//! Debian roots and booted systems on which Belay's packages are tried.
