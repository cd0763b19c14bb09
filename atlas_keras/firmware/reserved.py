"""Which names a field can have: none of Verilog and C++, and none that the firmware has for signals of its own."""

import re

_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        clk code delay minifloat octaves packer packer_tb steps table vectors word
        always and assign automatic begin buf case casez cell config deassign default disable edge else end endcase
        endmodule event for force forever fork function generate genvar if include initial inout input instance integer
        join large library localparam macromodule medium module nand negedge nmos nor not notif0 notif1 or output
        parameter pmos posedge primitive pull0 pull1 pulldown pullup rcmos real realtime reg release repeat rnmos rpmos
        rtran scalared show signed small specify specparam strong0 strong1 supply0 supply1 task time tran tri tri0 tri1
        triand trior trireg unsigned use vectored wait wand weak0 weak1 while wire wor xnor xor
        alignas alignof asm auto bitand bitor bool break catch char class compl const constexpr continue decltype delete
        do double dynamic_cast enum explicit export extern false float friend goto inline int long mutable namespace new
        noexcept nullptr operator private protected public register return short sizeof static std struct switch
        template this thread_local throw true try typedef typeid typename union using virtual void volatile
        bit byte final logic string var file found n wrong
        """,
    )
)
_SIGNALS = re.compile("(code|octaves|part)_.*|.*_(1|code|delay|early|field)")


def is_free(name: str) -> bool:
    """Tell whether a field can have a name: lower case letters, digits and underscores, at most 31 of them."""
    plain = re.fullmatch("[a-z][a-z0-9_]{0,30}", name) is not None
    return plain and name not in _WORDS and _SIGNALS.fullmatch(name) is None
