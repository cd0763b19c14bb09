// @cells@ cells from one power of two to the next. Below 2^EXACT the code is x itself; above, a table takes the ADDRESS bits
// behind the leading one to the cell in the octave.
module @module@ #(parameter WIDTH = 16, CODE = 9, CELLS = 36, EXACT = 6, ADDRESS = 9) (
  input clk,
  input [WIDTH-1:0] x,
  output reg [CODE-1:0] code
);
  reg [WIDTH-1:0] x_1;
  reg [4:0] p, p_1;  // where the leading one of x is
  reg [CODE-1:0] base, base_1, base_2;  // the first code of its octave
  reg [ADDRESS-1:0] address;  // what stands behind the leading one
  reg [CODE-1:0] cell_;
  integer i;
  always @* begin
    p = 0;
    base = 0;
    for (i = EXACT; i < WIDTH; i = i + 1) if (x[i]) begin
      p = i;
      base = (1 << EXACT) + (i - EXACT) * CELLS;
    end
  end
  wire [WIDTH-1:0] normalized = x_1 << (WIDTH - 1 - p_1);
  always @(posedge clk) begin
    x_1 <= x;
    p_1 <= p;
    base_1 <= base;
    address <= p_1 == 0 ? 0 : normalized[WIDTH-2 -: ADDRESS];
    base_2 <= p_1 == 0 ? x_1 : base_1;
    code <= base_2 + cell_;
  end
  always @* case (address)
@rows@
    default: cell_ = 0;
  endcase
endmodule
