"""Firmware with a proof: the fields of a trigger's jet in one shorter word, every value within its bound.

A hardware format and bounds give a packer, a code for each field (`planning`, `packer`, `codes`). It is written as
Verilog and C++ (`rtl`, `emulation`), compared with the golden model by simulators (`tools`), and described in a report.
"""
