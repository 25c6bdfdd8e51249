"""AMI as an adapter: the only room in the house that knows panoramisk, chosen by the composition root."""

from telephony.ami.link import AmiLink, Timing

__all__ = ["AmiLink", "Timing"]
