//! Records the disk of a virtual machine and replays it to every instant at which the power may go.
