package reactor

const descriptorChild = "WEIR_TEST_DESCRIPTOR_CHILD"

func runDescriptorChild() int { return 0 }
