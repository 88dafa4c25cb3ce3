package ocpiserver

// Served is what is mounted, as "GET /versions" and so on.
func (s *Server) Served() (all []string) {
	for _, r := range s.routes {
		for _, method := range r.Methods {
			all = append(all, method+" "+r.Path)
		}
	}
	return all
}
