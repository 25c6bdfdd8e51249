"""A PBX of our own that speaks AMI on a loopback socket, for the demo and for tests.

It is written from what real Asterisk 22 was seen to do; its frames are compared with the recordings by a test.
"""
