// Cells of equal width: code = x / step, by a multiplication with its reciprocal, which is exact for every x.
// A step that is a power of two has FACTOR 1 and takes no logic.
module steps #(parameter WIDTH = 14, CODE = 10, FACTOR = 1, SHIFT = 4) (
  input clk,
  input [WIDTH-1:0] x,
  output reg [CODE-1:0] code
);
  localparam [WIDTH:0] MULTIPLIER = FACTOR;
  wire [2*WIDTH:0] product = x * MULTIPLIER;
  always @(posedge clk) code <= product >> SHIFT;
endmodule
