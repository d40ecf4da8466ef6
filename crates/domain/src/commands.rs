//! One file for each thing that can be asked: its type, what it needs, what it decides, its tests.
