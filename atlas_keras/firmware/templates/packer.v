// @title@: @bits@ bits of a jet in a word of @word_bits@.
// Written by atlas_keras @version@; a change here is found by the test bench.
// A new jet is taken at every clock edge; its word is there @latency@ edges later, that edge counted.
//
@comments@
module packer (
  input clk,
@ports@
  output [@word_msb@:0] word
);
  // Edge 1 takes the jet. The sign bit of signed fields is inverted, so that all of them are unsigned.
@registers@
  always @(posedge clk) begin
@takes@
  end

  // Edges 2 to @coded@ code the fields.
@instances@

@combined@
endmodule
