//! Downloads and uploads of whole files: over HTTP, to and from object stores, and on this machine.
