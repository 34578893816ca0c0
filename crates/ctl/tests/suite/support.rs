//! What the modules share: a server with a token, and belayctl run as a person runs it.
