package node

import "net/http"

// Backend is the backend API of a node.
func (n *Node) Backend() (http.Handler, error) { return n.API(), nil }
